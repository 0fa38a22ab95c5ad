import { VERDICT_MS, STALLED_BY } from "./limits.ts";
import type { SourceReport } from "./node/tracker-client.ts";
import type { SeedFacts } from "./seeds.ts";

/** What a member does for others now. `stalled`: those that asked it for something got nothing. */
export type SourceStanding = "good" | "slow" | "stalled";

interface Measured {
  uploadRate: number | undefined;
  latencyMs: number | undefined;
  load: number;
  /** What each receiver said of it last, and when. */
  readonly verdicts: Map<number, { readonly atMs: number; readonly failed: boolean }>;
}

/** A new measurement weighs this much against all before it. */
const NEW_WEIGHT = 0.25;

/** The mean of measurements in which older ones count less and less. The first one is taken as it is. */
export function smoothed(before: number | undefined, measured: number): number {
  return before === undefined ? measured : before + (measured - before) * NEW_WEIGHT;
}

/** What the members of a swarm are worth as sources: by what those say that received from them, and how busy they say they are. */
export class SourceRecords {
  readonly #measured = new Map<number, Measured>();

  /** A member says how many of its upload slots are in use. */
  busy(id: number, uploads: number, uploadSlots: number): void {
    this.#of(id).load = uploadSlots === 0 ? 1 : Math.min(1, uploads / uploadSlots);
  }

  /** A member says what another one was worth to it. */
  told(
    by: number,
    of: number,
    { bytes, ms, latencyMs, failures }: Omit<SourceReport, "fingerprint">,
    nowMs: number,
  ): void {
    const measured = this.#of(of);
    if (bytes > 0 && ms > 0) measured.uploadRate = smoothed(measured.uploadRate, (bytes / ms) * 1000);
    if (latencyMs !== undefined) measured.latencyMs = smoothed(measured.latencyMs, latencyMs);
    if (bytes > 0 || failures > 0) measured.verdicts.set(by, { atMs: nowMs, failed: bytes === 0 });
  }

  /** A member is gone. What it said of others counts until it is old. */
  forget(id: number): void {
    this.#measured.delete(id);
  }

  /** Part of its upload slots that is in use, 0 to 1, as it says. */
  loadOf(id: number): number {
    return this.#measured.get(id)?.load ?? 0;
  }

  /** What was measured of a member; undefined while nothing came from it. */
  factsOf(id: number): SeedFacts | undefined {
    const { uploadRate, latencyMs = 0, load } = this.#measured.get(id) ?? {};
    return uploadRate === undefined || load === undefined ? undefined : { id, uploadRate, latencyMs, load };
  }

  /**
   * Whether a member with so many receivers has stopped to give: of all that had to do with it of late nobody got anything, and they are
   * `STALLED_BY` at least, or all there are.
   */
  isStalled(id: number, receivers: number, nowMs: number): boolean {
    const verdicts = this.#measured.get(id)?.verdicts ?? new Map<number, never>();
    // Old ones go, or those of members that have left would stay.
    for (const [by, { atMs }] of verdicts) if (nowMs - atMs >= VERDICT_MS) verdicts.delete(by);
    if (verdicts.size < Math.max(1, Math.min(STALLED_BY, receivers))) return false;
    return verdicts.values().every(({ failed }) => failed);
  }

  #of(id: number): Measured {
    const measured = this.#measured.get(id) ?? {
      uploadRate: undefined,
      latencyMs: undefined,
      load: 0,
      verdicts: new Map(),
    };
    this.#measured.set(id, measured);
    return measured;
  }
}
