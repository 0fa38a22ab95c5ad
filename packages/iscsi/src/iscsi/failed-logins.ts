import { FAILED_LOGIN_WINDOW_MS, MAX_FAILED_LOGIN_PEERS, MAX_FAILED_LOGINS } from "../limits.ts";

interface Failures {
  readonly sinceMs: number;
  count: number;
}

/**
 * Failed logins by network address. One that fails again and again is refused without asking anybody, so that guessing secrets and
 * broken configurations cost next to nothing. Logins that succeed are never counted: many machines may come from one address.
 */
export class FailedLogins {
  readonly #byPeer = new Map<string, Failures>();

  /** Whether an address has to wait. */
  isTooMany(peerAddress: string, nowMs: number): boolean {
    const failures = this.#byPeer.get(peerAddress);
    return (
      failures !== undefined && nowMs - failures.sinceMs < FAILED_LOGIN_WINDOW_MS && failures.count >= MAX_FAILED_LOGINS
    );
  }

  /** A login from an address failed by its own fault. */
  note(peerAddress: string, nowMs: number): void {
    const failures = this.#byPeer.get(peerAddress);
    if (failures !== undefined && nowMs - failures.sinceMs < FAILED_LOGIN_WINDOW_MS) {
      failures.count++;
      return;
    }
    // Put at the end anew: the oldest window is the first to go.
    this.#byPeer.delete(peerAddress);
    this.#byPeer.set(peerAddress, { sinceMs: nowMs, count: 1 });
    for (const [oldest] of this.#byPeer) {
      if (this.#byPeer.size <= MAX_FAILED_LOGIN_PEERS) return;
      this.#byPeer.delete(oldest);
    }
  }
}
