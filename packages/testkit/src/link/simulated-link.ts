import type { FakeClock } from "./fake-clock.ts";
import type { LinkPlan } from "./link-plan.ts";

/**
 * One direction (or both, with one plan) of a link in a test without sockets: what is sent arrives on the fake clock,
 * late, twice or never, as the plan says.
 */
export class SimulatedLink {
  readonly #clock: FakeClock;
  readonly #plan: LinkPlan;

  constructor(clock: FakeClock, plan: LinkPlan) {
    this.#clock = clock;
    this.#plan = plan;
  }

  /** Sends one packet. The bytes are copied, because a sender may use its buffer again. */
  send(bytes: Uint8Array, deliver: (bytes: Uint8Array) => void): void {
    for (const delayMs of this.#plan.next()) {
      const copy = bytes.slice();
      this.#clock.setTimer(delayMs, () => deliver(copy));
    }
  }
}
