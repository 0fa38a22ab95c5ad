import type { Sense } from "./sense.ts";
import { ScsiStatus } from "./status.ts";

/** A command that is over: its status, and its answer if it has one. */
export interface Done {
  readonly kind: "done";
  readonly status: ScsiStatus;
  /** With CHECK CONDITION. */
  readonly sense?: Sense;
  /** Data for the initiator, already cut to the allocation length. */
  readonly data?: Uint8Array;
}

/** A command that gives the initiator `length` bytes, piece by piece, as the network takes them. */
export interface DataInExecution {
  readonly kind: "dataIn";
  /** A multiple of 512. */
  readonly length: number;
  /** Fills `into` with the bytes from `offset` of the transfer (both multiples of 512), at once or later. */
  produce(offset: number, into: Uint8Array): void | Promise<void>;
}

/** A command that takes `length` bytes from the initiator, piece by piece and in any order, as the network brings them. */
export interface DataOutExecution {
  readonly kind: "dataOut";
  readonly length: number;
  /** Pieces and offsets must be multiples of this; 1 where any will do. */
  readonly granularity: number;
  /** `bytes` may be used again once it settled. */
  consume(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** All pieces settled; `received` of `length` bytes came (less when the initiator offered less). The command ends GOOD when this does. */
  finish(received: number): void | Promise<void>;
  /** The work of `finish` goes on when the command is aborted (SANITIZE): nobody has to wait for it. */
  readonly outlivesCommand?: boolean;
}

/** A command without data that takes time. */
export interface Pending {
  readonly kind: "pending";
  /** Rejects with `CheckCondition` or a device's error. */
  readonly done: Promise<Done>;
  /** As in {@link DataOutExecution}. */
  readonly outlivesCommand?: boolean;
}

/** What becomes of one command. */
export type Execution = Done | DataInExecution | DataOutExecution | Pending;

/** GOOD, nothing else to say. */
export const GOOD: Done = { kind: "done", status: ScsiStatus.good };

/** GOOD with data, cut to what the command's allocation length allows. */
export function answer(data: Uint8Array, allocationLength: number): Done {
  return {
    kind: "done",
    status: ScsiStatus.good,
    data: data.length > allocationLength ? data.subarray(0, allocationLength) : data,
  };
}

/** CHECK CONDITION. */
export function checkCondition(sense: Sense): Done {
  return { kind: "done", status: ScsiStatus.checkCondition, sense };
}

/** GOOD now, or when the work is done. */
export function goodAfter(work: void | Promise<void>): Done | Pending {
  return work === undefined ? GOOD : { kind: "pending", done: work.then(() => GOOD) };
}
