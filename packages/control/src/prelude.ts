import { MAX_PENDING_PRELUDES, MAX_PRELUDE_FACTS } from "./limits.ts";
import type { BootFact } from "./timeline.ts";

/** A fact that was seen before it was known whose it is. */
export interface PreludeFact {
  readonly fact: BootFact;
  readonly atMs: number;
}

/** First steps older than this belong to another boot. */
const keptMs = 5 * 60_000;

/**
 * Keeps the first steps of machines that are not known yet: DHCP knows a MAC address, TFTP only an IP address, and who it is
 * stands fast only when the script is asked for. Bounded; the oldest go first.
 */
export class Preludes {
  readonly #factsOf = new Map<string, PreludeFact[]>();

  /** Keeps a fact under a MAC or IP address. */
  add(key: string, fact: BootFact, atMs: number): void {
    const facts = this.#factsOf.get(key) ?? [];
    if (facts.length < MAX_PRELUDE_FACTS) facts.push({ fact, atMs });
    this.#factsOf.delete(key);
    this.#factsOf.set(key, facts);
    if (this.#factsOf.size <= MAX_PENDING_PRELUDES) return;
    for (const oldest of this.#factsOf.keys()) {
      this.#factsOf.delete(oldest);
      return;
    }
  }

  /** Takes out what is kept under any of the keys, in the order of time. */
  take(keys: readonly (string | undefined)[], nowMs: number): PreludeFact[] {
    const taken: PreludeFact[] = [];
    for (const key of keys) {
      if (key === undefined) continue;
      taken.push(...(this.#factsOf.get(key) ?? []));
      this.#factsOf.delete(key);
    }
    return taken.filter(({ atMs }) => nowMs - atMs <= keptMs).toSorted((a, b) => a.atMs - b.atMs);
  }
}
