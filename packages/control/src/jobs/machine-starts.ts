import type { HeartbeatAnswer } from "@ingot/api";
import type { Clock } from "../clock.ts";
import type { EventLog } from "../event-log.ts";
import type { Inventory } from "../inventory.ts";
import { MAX_WAKES_PER_SECOND } from "../limits.ts";
import type { OpenTask } from "./job-book.ts";
import { imageText, nameOfJob } from "./job-events.ts";

/** A machine that is to be switched on. */
export interface WakeCall {
  readonly macs: readonly string[];
  /** Where it was seen last. */
  readonly address: string | undefined;
}

/** Switches machines on. Rejects where nothing could be sent; whether the machine starts, nobody says. */
export type Wake = (call: WakeCall) => Promise<void>;

/** When the calls of one task go out, in milliseconds after the first: a broadcast may be lost, a card may just be losing its link. */
const WAKE_AFTER_MS: readonly number[] = [0, 15_000, 60_000, 180_000];

/** A machine that was asked to restart has gone down by then, or has not heard of it: it is asked again. */
const RESTART_AGAIN_MS = 60_000;

/** A machine that was restarted is not switched on meanwhile. */
const RESTART_TAKES_MS = 180_000;

/** What was done to get a task's machine to start the agent, since it last had a slot. */
export interface StartAttempt {
  readonly wakes: number;
  readonly firstWakeMs: number;
  readonly restart: { readonly askedMs: number; readonly hasLeft: boolean } | undefined;
}

/** What {@link MachineStarts} works with. */
interface MachineStartsDeps {
  readonly clock: Clock;
  readonly inventory: Inventory;
  readonly events: EventLog;
  /** Absent where there is no network to send by. */
  readonly wake: Wake | undefined;
  readonly onError: (error: unknown) => void;
}

/** Gets machines whose turn has come to start the agent: switches on what is off, restarts what runs its own system. Each of it is in the history. */
export class MachineStarts {
  readonly #deps: MachineStartsDeps;

  constructor(deps: MachineStartsDeps) {
    this.#deps = deps;
  }

  /** Switches on what is due; called once a second. A room that starts at once is a load for its fuses, so they are spread. Answers how many. */
  async tick(tasks: Iterable<OpenTask>, isHeard: (machine: string) => boolean): Promise<number> {
    const { wake, clock } = this.#deps;
    if (wake === undefined) return 0;
    const due: OpenTask[] = [];
    for (const task of tasks) {
      if (due.length === MAX_WAKES_PER_SECOND) break;
      if (!task.job.rules.wakes || !waitsForMachine(task) || isHeard(task.record.machine)) continue;
      if (isWakeDue(task.start, clock.now())) due.push(task);
    }
    await Promise.all(due.map((task) => this.#wake(task, wake)));
    return due.length;
  }

  /** What the agent of a machine's own system is told, whose task needs the agent's. `mayRestart`: whoever installed it allows that. */
  restart(task: OpenTask, mayRestart: boolean): HeartbeatAnswer["restart"] {
    if (!waitsForMachine(task)) return undefined;
    if (!task.job.rules.restarts) {
      task.bootNote = "its machine's own system is running, and the job was told not to restart it";
      return undefined;
    }
    if (!mayRestart) {
      task.bootNote = "its machine's own system is running, and the agent there is not allowed to restart it (--power)";
      return undefined;
    }
    const nowMs = this.#deps.clock.now();
    const { restart } = task.start ?? {};
    if (restart?.hasLeft === true) {
      // Once and no more: a machine that does not start from the network would restart for ever.
      task.bootNote =
        "its machine was restarted and came back with its own system; let its firmware start from the network first";
      return undefined;
    }
    if (restart !== undefined && nowMs - restart.askedMs < RESTART_AGAIN_MS) return undefined;
    task.start = { ...(task.start ?? nothingDone), restart: { askedMs: nowMs, hasLeft: false } };
    task.bootNote = "its machine's own system was asked to restart into the agent's";
    const reason = `${nameOfJob(task.job.record)} needs the machine`;
    this.#tell(task, "machine.restarted", "runs its own system and is restarted into the agent's");
    return { jobId: String(task.job.record.id), reason };
  }

  /** The agent of a task's machine said that it goes. */
  left(task: OpenTask): void {
    const { start } = task;
    if (start?.restart !== undefined) task.start = { ...start, restart: { ...start.restart, hasLeft: true } };
  }

  async #wake(task: OpenTask, wake: Wake): Promise<void> {
    const { clock, inventory } = this.#deps;
    const start = task.start ?? nothingDone;
    const wakes = start.wakes + 1;
    task.start = { ...start, wakes, firstWakeMs: start.wakes === 0 ? clock.now() : start.firstWakeMs };
    const record = await inventory.find(task.record.machine);
    if (record === undefined || record.macs.length === 0) {
      task.bootNote = "nothing is heard of its machine, and no MAC address is known to wake it by";
      return;
    }
    try {
      await wake({ macs: record.macs, address: record.row.address ?? undefined });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      task.bootNote = `nothing is heard of its machine, and it could not be woken: ${why}`;
      return;
    }
    task.bootNote = `its machine was sent ${wakes === 1 ? "a wake-up call" : `${wakes} wake-up calls`}; it begins when the machine starts from the network`;
    if (wakes === 1) this.#tell(task, "machine.woken", "is not heard and was sent a wake-up call");
  }

  #tell(task: OpenTask, kind: "machine.woken" | "machine.restarted", what: string): void {
    const { job, record } = task;
    this.#deps.events
      .record({
        kind,
        machine: record.machine,
        image: imageText(record.image),
        message: `${nameOfJob(job.record)}: ${record.machineName} ${what}`,
        data: { job: String(job.record.id), task: record.id },
      })
      .catch(this.#deps.onError);
  }
}

const nothingDone: StartAttempt = { wakes: 0, firstWakeMs: 0, restart: undefined };

/** Its turn has come and its machine is missing. */
function waitsForMachine({ claims, record }: OpenTask): boolean {
  return claims && (record.state === "booting" || (record.state === "waiting" && record.begun));
}

function isWakeDue(start: StartAttempt | undefined, nowMs: number): boolean {
  const { wakes, firstWakeMs, restart } = start ?? nothingDone;
  if (restart !== undefined && nowMs - restart.askedMs < RESTART_TAKES_MS) return false;
  const afterMs = WAKE_AFTER_MS[wakes];
  return afterMs !== undefined && (wakes === 0 || nowMs >= firstWakeMs + afterMs);
}
