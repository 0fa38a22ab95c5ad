import { serialAdd } from "@ingot/wire";
import { PING_AFTER_SILENCE_MS, PING_TIMEOUT_MS } from "../limits.ts";
import { NO_TAG } from "./bhs.ts";

/**
 * Pings in both directions of one session (RFC 7143 §11.18, §11.19). We ping only who pings us, and silence proves something only for one
 * that has answered a ping of ours before: iPXE does neither, and sleeps as long as it has nothing to read.
 */
export class Pings {
  #known = false;
  #hasAnswered = false;
  #tag = 0;
  /** When the ping that is not answered yet was sent. */
  #sentMs: number | undefined;

  /** Whether the initiator has ever sent a NOP-Out. */
  get areKnown(): boolean {
    return this.#known;
  }

  /** A NOP-Out came; `targetTransferTag` is ours when it answers a ping. */
  heard(targetTransferTag: number): void {
    this.#known = true;
    if (targetTransferTag === NO_TAG || this.#sentMs === undefined || targetTransferTag !== this.#tag) return;
    this.#hasAnswered = true;
    this.#sentMs = undefined;
  }

  /** What is to be done: both times in milliseconds since the epoch. */
  check(nowMs: number, lastActivityMs: number): "nothing" | "ping" | "dead" {
    if (!this.#known) return "nothing";
    if (this.#sentMs === undefined) return nowMs - lastActivityMs >= PING_AFTER_SILENCE_MS ? "ping" : "nothing";
    // Whatever else came shows as well that somebody is there.
    const silentSinceMs = Math.max(this.#sentMs, lastActivityMs);
    return this.#hasAnswered && nowMs - silentSinceMs >= PING_TIMEOUT_MS ? "dead" : "nothing";
  }

  /** A ping goes out; returns its tag. */
  begin(nowMs: number): number {
    this.#sentMs = nowMs;
    this.#tag = serialAdd(this.#tag, 1);
    if (this.#tag === NO_TAG) this.#tag = 1;
    return this.#tag;
  }
}
