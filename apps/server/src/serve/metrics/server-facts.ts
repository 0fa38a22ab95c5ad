import type { Status } from "@ingot/api";
import type { JobTotals, MachineTotals, TrafficTotals } from "@ingot/control";
import type { ServiceCounters } from "../service-board.ts";
import type { EventLoopDelay } from "./event-loop-delay.ts";

/** How far the replica of one version is filled; see `ReplicaStats` of `@ingot/disks`. */
export interface ReplicaFacts {
  readonly manifestId: string;
  readonly heldChunks: number;
  readonly chunkCount: number;
  readonly heldBytes: number;
  readonly dataBytes: number;
  /** Since it was opened. */
  readonly fetchedChunks: number;
}

/** What the server's metrics are made of: everything that was known at one moment. */
export interface ServerFacts {
  readonly status: Status;
  readonly sessions: {
    readonly countByWorker: ReadonlyMap<number, number>;
    readonly totals: Readonly<TrafficTotals>;
    readonly waiting: { readonly openCommands: number; readonly queuedBytes: number };
  };
  readonly jobs: JobTotals;
  /** Refused logins by status. */
  readonly refusals: ReadonlyMap<string, number>;
  /** By the service's name. */
  readonly counters: ReadonlyMap<string, ServiceCounters>;
  /** Of the replicas that are open. */
  readonly replicas: readonly ReplicaFacts[];
  /** `NAME:VERSION` by manifest. */
  readonly imageNames: ReadonlyMap<string, string>;
  readonly mainThread: Pick<EventLoopDelay, "buckets" | "used">;
  /** Readers of the event stream. */
  readonly streams: number;
}

/** What the machines' metrics are made of. */
export interface MachineFacts {
  readonly machines: readonly MachineTotals[];
}
