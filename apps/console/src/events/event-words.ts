import type { EventKind, IngotEvent } from "@ingot/api";

/** What an event is about, for the filter of the log. */
export const EVENT_SUBJECTS = ["machine", "image", "disk", "group", "job", "task", "agent", "server"] as const;
/** One of {@link EVENT_SUBJECTS}. */
export type EventSubject = (typeof EVENT_SUBJECTS)[number];

/** How much an event asks for a look: a fault, something good, or a note. */
export type EventTone = "failed" | "up" | "boot" | "off";

/** What an event of this kind is about. */
export function subjectOf(kind: EventKind): EventSubject {
  const subject = kind.split(".")[0];
  return EVENT_SUBJECTS.find((candidate) => candidate === subject) ?? "server";
}

/** The colour of an event of this kind. */
export function toneOf(kind: EventKind): EventTone {
  switch (kind) {
    case "service.failed":
    case "machine.failed":
    case "machine.refused":
    case "machine.clash":
    case "image.damaged":
    case "disk.failed":
    case "disk.refused":
    case "agent.refused":
    case "agent.clash":
    case "agent.expelled":
    case "token.replayed":
    case "job.stopped":
    case "job.failed":
    case "job.alert":
    case "task.lost":
    case "task.failed":
    case "task.slow":
      return "failed";
    case "machine.up":
    case "machine.running":
    case "image.verified":
    case "server.started":
    case "job.done":
    case "task.done":
      return "up";
    case "machine.booting":
    case "machine.woken":
    case "machine.restarted":
    case "machine.registered":
    case "image.added":
    case "image.tagged":
    case "disk.created":
    case "disk.reset":
    case "agent.enrolled":
    case "agent.waiting":
    case "job.created":
    case "job.preloaded":
    case "job.running":
    case "job.retried":
    case "task.started":
      return "boot";
    case "server.stopped":
    case "settings.changed":
    case "machine.created":
    case "machine.changed":
    case "machine.removed":
    case "machine.off":
    case "group.changed":
    case "group.removed":
    case "image.removed":
    case "disk.removed":
    case "agent.replaced":
    case "agent.revoked":
    case "token.created":
    case "job.paused":
    case "job.cancelled":
      return "off";
  }
}

/** Which events the operator wants to see. */
export interface EventFilter {
  readonly text: string;
  readonly subject: EventSubject | undefined;
  readonly faultsOnly: boolean;
}

/** The events that `filter` lets through, newest first. `nameOf` gives a machine's name for its id. */
export function selectEvents(
  events: readonly IngotEvent[],
  filter: EventFilter,
  nameOf: (machineId: string) => string | undefined,
): readonly IngotEvent[] {
  const wanted = filter.text.trim().toLowerCase();
  return events
    .filter((event) => {
      if (filter.subject !== undefined && subjectOf(event.kind) !== filter.subject) return false;
      if (filter.faultsOnly && toneOf(event.kind) !== "failed") return false;
      if (wanted === "") return true;
      const name = event.machine === undefined ? undefined : nameOf(event.machine);
      return [event.message, event.kind, event.image, name].some(
        (fact) => fact?.toLowerCase().includes(wanted) === true,
      );
    })
    .toReversed();
}
