import type { TaskProgress } from "@ingot/api";
import type { Session } from "../client/session.ts";
import type { SwarmSettings } from "../deploy/swarm-member.ts";
import type { Inventory } from "../inventory/inventory.ts";
import type { Programs } from "../system/programs.ts";
import type { RunningState } from "./task-reporter.ts";

/** What a running task tells of itself. */
interface TaskVoice {
  enter(state: RunningState, note?: string): void;
  note(note: string): void;
  advance(progress: TaskProgress): void;
  readonly progress: TaskProgress;
}

/** What a task needs. */
export interface TaskContext {
  readonly session: Session;
  readonly programs: Programs;
  /** A new inventory: disks come and go. */
  readonly inventory: () => Promise<Inventory>;
  /** Threads, memory and addresses of this machine; method and rates are the task's. */
  readonly machine: Pick<SwarmSettings, "threads" | "cacheBytes" | "addresses">;
  readonly voice: TaskVoice;
  /** Which disk was chosen, for the screen and for what is asked of it after a failure. */
  readonly onDisk: (path: string, description: string) => void;
  readonly signal: AbortSignal;
}
