import type { LiveMessage } from "@ingot/api";
import { type Clock, timeText } from "./clock.ts";
import type { EventLog } from "./event-log.ts";
import { MAX_REPLAYED_EVENTS } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";

/** A comment goes out after so long a silence, so that proxies keep the connection and a dead one is found. */
export const HEARTBEAT_MS: number = 15_000;

/** How long a browser waits before it comes back. */
const retryMs = 2000;

/**
 * Opens a stream of live messages in the form of server-sent events (HTML, §9.2). It begins with `hello` and the events
 * after `since`. It is read at the reader's pace; what it holds for a slow one is bounded by the hub.
 * @throws ControlError `busy` where too many streams are open.
 */
export async function openEventStream(deps: {
  readonly events: EventLog;
  readonly hub: LiveHub;
  readonly clock: Clock;
  readonly version: string;
  readonly since: number | undefined;
}): Promise<ReadableStream<Uint8Array>> {
  const { events, hub, clock, version, since } = deps;
  const reader = hub.open();
  // The mailbox is open already: what happens during these two questions is not lost, and not told twice.
  const lastEventId = await events.lastId();
  const hello = (id: number): LiveMessage => ({ type: "hello", version, at: timeText(clock.now()), lastEventId: id });
  const missed =
    since === undefined || since >= lastEventId
      ? []
      : await events.list({ limit: MAX_REPLAYED_EVENTS, after: Math.max(since, lastEventId - MAX_REPLAYED_EVENTS) });
  let toldId = missed.at(-1)?.id ?? 0;
  const opening = [hello(lastEventId), ...missed.map((event): LiveMessage => ({ type: "event", event }))];
  let first = `retry: ${retryMs}\n\n${opening.map(formatMessage).join("")}`;
  let waiting: ReturnType<typeof reader.next> | undefined;
  const encoder = new TextEncoder();

  return new ReadableStream<Uint8Array>(
    {
      async pull(controller): Promise<void> {
        if (first !== "") {
          controller.enqueue(encoder.encode(first));
          first = "";
          return;
        }
        for (;;) {
          waiting ??= reader.next();
          const message = await orSilence(waiting, clock);
          if (message === "silence") {
            controller.enqueue(encoder.encode(": still here\n\n"));
            return;
          }
          waiting = undefined;
          if (message === undefined) {
            controller.close();
            return;
          }
          if (message === "overrun") {
            controller.enqueue(encoder.encode(formatMessage(hello(await events.lastId()))));
            return;
          }
          if (message.type === "event" && message.event.id <= toldId) continue;
          if (message.type === "event") toldId = message.event.id;
          controller.enqueue(encoder.encode(formatMessage(message)));
          return;
        }
      },
      cancel(): void {
        reader.close();
      },
    },
    // Nothing is taken from the mailbox before the connection wants it: there the newest state replaces older ones.
    { highWaterMark: 0 },
  );
}

async function orSilence<Value>(value: Promise<Value>, clock: Clock): Promise<Value | "silence"> {
  let cancel: () => void = () => undefined;
  const silence = new Promise<"silence">((resolve) => {
    cancel = clock.setTimer(HEARTBEAT_MS, () => resolve("silence"));
  });
  try {
    return await Promise.race([value, silence]);
  } finally {
    cancel();
  }
}

function formatMessage(message: LiveMessage): string {
  const id = message.type === "event" ? `id: ${message.event.id}\n` : "";
  return `${id}event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
}
