import { MAX_FAILURES, MAX_FALSE_HAVES, MAX_OUT_OF_TURN } from "./limits.ts";
import type { BanReason, BanReport } from "./tracker-client.ts";

/** What a neighbour may have done. `failure`: a request came to nothing, which may be anybody's fault. */
export type Deed = "wrong-bytes" | "malformed" | "flood" | "false-have" | "out-of-turn" | "failure" | "success";

/** What comes of it: `ban` for good, `drop` the connection for now, or nothing. */
export type Verdict = { readonly kind: "ban"; readonly reason: BanReason } | { readonly kind: "drop" | "none" };

interface Record {
  falseHaves: number;
  outOfTurn: number;
  failures: number;
}

const NONE: Verdict = { kind: "none" };

/** Remembers what neighbours did, by their keys, over connections; says who is banned. Whoever sends wrong bytes is, at once. */
export class Conduct {
  readonly #records = new Map<string, Record>();
  readonly #banned = new Map<string, BanReason>();
  #unreported: BanReport[] = [];

  /** How many are banned. */
  get banCount(): number {
    return this.#banned.size;
  }

  isBanned(fingerprint: string): boolean {
    return this.#banned.has(fingerprint);
  }

  /** Requests to a peer that came to nothing, since the last one that did. */
  failuresOf(fingerprint: string): number {
    return this.#records.get(fingerprint)?.failures ?? 0;
  }

  /** `piece`: which one the wrong bytes were of. */
  judge(fingerprint: string, deed: Deed, piece?: number): Verdict {
    const record = this.#records.get(fingerprint) ?? { falseHaves: 0, outOfTurn: 0, failures: 0 };
    this.#records.set(fingerprint, record);
    switch (deed) {
      case "wrong-bytes":
      case "flood":
        return this.#ban(fingerprint, deed, piece);
      case "malformed":
        return this.#ban(fingerprint, "protocol");
      case "false-have":
        return ++record.falseHaves >= MAX_FALSE_HAVES ? this.#ban(fingerprint, "false-have") : NONE;
      case "out-of-turn":
        return ++record.outOfTurn >= MAX_OUT_OF_TURN ? this.#ban(fingerprint, "protocol") : NONE;
      case "failure":
        if (++record.failures < MAX_FAILURES) return NONE;
        record.failures = 0;
        return { kind: "drop" };
      case "success":
        record.failures = 0;
        return NONE;
    }
  }

  /** Bans that nobody was told of yet, at most `count`. */
  takeUnreported(count: number): readonly BanReport[] {
    return this.#unreported.splice(0, count);
  }

  /** Bans that could not be told of after all. */
  putBack(bans: readonly BanReport[]): void {
    this.#unreported.unshift(...bans);
  }

  #ban(fingerprint: string, reason: BanReason, piece?: number): Verdict {
    if (!this.#banned.has(fingerprint)) {
      this.#banned.set(fingerprint, reason);
      this.#unreported.push({ fingerprint, reason, ...(piece === undefined ? {} : { piece }) });
    }
    return { kind: "ban", reason };
  }
}
