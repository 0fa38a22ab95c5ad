import type { ConnectionAddresses } from "./iscsi/connection.ts";

/**
 * A connection on its way from the thread that accepted it to the one that serves it: a plain object that can be posted.
 * Descriptors belong to the process, not to a thread, so the number is all that has to travel; what it needs is that exactly
 * one side closes it. Whoever wins the claim does.
 */
export interface HandedConnection extends ConnectionAddresses {
  /** A descriptor of its own for the TCP connection. */
  readonly fd: number;
  /** What was read of it already: the first login request, and perhaps more. */
  readonly received: Uint8Array;
  readonly claimed: SharedArrayBuffer;
}

/** Memory for `claimed`: nobody has it yet. */
export function unclaimed(): SharedArrayBuffer {
  return new SharedArrayBuffer(4);
}

/** Takes the descriptor; answers whether it is the caller's now. True exactly once, on whichever thread. */
export function claim({ claimed }: HandedConnection): boolean {
  return Atomics.compareExchange(new Int32Array(claimed), 0, 0, 1) === 0;
}

/** Whether somebody has taken the descriptor. */
export function isClaimed({ claimed }: HandedConnection): boolean {
  return Atomics.load(new Int32Array(claimed), 0) !== 0;
}
