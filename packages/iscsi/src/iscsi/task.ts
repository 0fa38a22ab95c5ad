import type { Sense } from "../scsi/sense.ts";
import type { ScsiStatus } from "../scsi/status.ts";
import type { Sequence } from "./bhs.ts";
import type { SessionParameters } from "./negotiation.ts";
import type { Output } from "./output.ts";
import type { SessionCounters } from "./session-info.ts";

/** What identifies a command within its session. */
export interface TaskIdentity {
  readonly initiatorTaskTag: number;
  readonly expectedDataTransferLength: number;
  /** Outside of the CmdSN order. */
  readonly immediate: boolean;
  /** When it came, in the milliseconds of the session's clock; `NOT_TIMED` where nobody wants to know. */
  startedMs: number;
  /** The attribute with which it counts in the unit's task set; `OUTSIDE_TASK_SET` while it does not. */
  enteredAs: number;
}

/** `enteredAs` of a command that waits, or that no logical unit is asked. */
export const OUTSIDE_TASK_SET = -1;

/** `startedMs` of a command that is not a sample. */
export const NOT_TIMED = -1;

/** A command that is not over yet. */
export interface Task {
  readonly identity: TaskIdentity;
  /** The initiator hears nothing of it any more. Resolves (or returns nothing) when the device is done with it. */
  abort(): Promise<void> | undefined;
}

/** How a command ends. */
export interface Ending {
  readonly status: ScsiStatus;
  readonly sense?: Sense;
  /** Overflow positive, underflow negative, as in `ScsiResponse`. */
  readonly residual: number;
  /** Data-In and R2T PDUs sent. */
  readonly expDataSN: number;
}

/** What tasks may use of their session. */
export interface TaskHost {
  readonly output: Output;
  readonly parameters: Readonly<SessionParameters>;
  readonly counters: SessionCounters;
  /** Sequence numbers for a PDU without status. */
  sequence(): Sequence;
  /** The task is over: takes it off the list and gives the numbers for its status. */
  leave(task: Task): Sequence;
  /** Ends the task with a SCSI Response. */
  end(task: Task, ending: Ending): void;
  /** Calls `resume` once there is room for output again. */
  whenDrained(resume: () => void): void;
  /** Work that began in another turn of the event loop has put something into `output`. */
  flushSoon(): void;
  /** Asks for permission to request `bytes` from the initiator; `grant` may be called at once or later. */
  solicit(bytes: number, grant: () => void): void;
  /** Solicited bytes have come or will not be waited for. */
  solicitedDone(bytes: number): void;
  /** Bytes handed to the device (positive) and done with (negative), for backpressure. */
  writing(bytes: number): void;
  /** A new Target Transfer Tag. */
  nextTransferTag(): number;
}
