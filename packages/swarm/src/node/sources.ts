import type { SourceReport } from "./tracker-client.ts";

interface Account {
  bytes: number;
  ms: number;
  latencyMs: number | undefined;
  failures: number;
}

/** What each neighbour was worth as a source since the tracker was told last. */
export class Sources {
  readonly #accounts = new Map<string, Account>();

  /** A fetch has brought so many bytes, in so long. */
  brought(fingerprint: string, bytes: number, ms: number): void {
    const account = this.#of(fingerprint);
    account.bytes += bytes;
    account.ms += ms;
  }

  /** It was asked for a sign of life, and gave it after so long. */
  answered(fingerprint: string, latencyMs: number): void {
    this.#of(fingerprint).latencyMs = latencyMs;
  }

  /** It let a fetch stand, refused it, or is gone without a word. */
  failed(fingerprint: string): void {
    this.#of(fingerprint).failures++;
  }

  /** What nobody was told of yet, of at most `count` neighbours. */
  take(count: number): SourceReport[] {
    const taken = [...this.#accounts].slice(0, count);
    for (const [fingerprint] of taken) this.#accounts.delete(fingerprint);
    return taken.map(([fingerprint, { bytes, ms, latencyMs, failures }]) => ({
      fingerprint,
      bytes,
      ms: Math.round(ms),
      failures,
      ...(latencyMs === undefined ? {} : { latencyMs: Math.max(0, Math.round(latencyMs)) }),
    }));
  }

  #of(fingerprint: string): Account {
    const account = this.#accounts.get(fingerprint) ?? { bytes: 0, ms: 0, latencyMs: undefined, failures: 0 };
    this.#accounts.set(fingerprint, account);
    return account;
  }
}
