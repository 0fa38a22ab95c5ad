import type { Refusal } from "./packet.ts";

/** Counters of packets that were not accepted. */
export function noRefusals(): Record<Refusal, number> {
  return { length: 0, foreign: 0, session: 0, authenticator: 0, number: 0 };
}
