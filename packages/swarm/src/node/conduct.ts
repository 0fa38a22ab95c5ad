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

interface Ban {
  readonly reason: BanReason;
  /** What the peer called itself then: it takes another number whenever it starts. */
  readonly instance: number | undefined;
}

/**
 * Remembers what neighbours did, by their keys, over connections; says who is banned. Whoever sends wrong bytes is, at once, and for good; only
 * the server, whose store may be damaged but which does not lie, is let in again when it has started anew: it does so without what is damaged.
 */
export class Conduct {
  readonly #server: string | undefined;
  readonly #records = new Map<string, Record>();
  readonly #banned = new Map<string, Ban>();
  #unreported: BanReport[] = [];

  /** `server`: the fingerprint of its key. */
  constructor(server?: string) {
    this.#server = server;
  }

  /** How many are banned. */
  get banCount(): number {
    return this.#banned.size;
  }

  /** Whether a peer is to be kept out. `instance`: what it calls itself now, when that is known. */
  isBanned(fingerprint: string, instance?: number): boolean {
    const ban = this.#banned.get(fingerprint);
    if (ban === undefined) return false;
    return fingerprint !== this.#server || ban.reason !== "wrong-bytes" || ban.instance === instance;
  }

  /** A peer was let in. */
  pardon(fingerprint: string): void {
    this.#banned.delete(fingerprint);
  }

  /** Requests to a peer that came to nothing, since the last one that did. */
  failuresOf(fingerprint: string): number {
    return this.#records.get(fingerprint)?.failures ?? 0;
  }

  /** `piece`: which one the wrong bytes were of; `instance`: what the peer that sent them calls itself. */
  judge(fingerprint: string, deed: Deed, { piece, instance }: { piece?: number; instance?: number } = {}): Verdict {
    const record = this.#records.get(fingerprint) ?? { falseHaves: 0, outOfTurn: 0, failures: 0 };
    this.#records.set(fingerprint, record);
    switch (deed) {
      case "wrong-bytes":
      case "flood":
        return this.#ban(fingerprint, deed, piece, instance);
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

  #ban(fingerprint: string, reason: BanReason, piece?: number, instance?: number): Verdict {
    if (!this.#banned.has(fingerprint)) {
      this.#banned.set(fingerprint, { reason, instance });
      this.#unreported.push({ fingerprint, reason, ...(piece === undefined ? {} : { piece }) });
    }
    return { kind: "ban", reason };
  }
}
