import type { JobSeed } from "@ingot/api";
import type { TrackerService } from "@ingot/swarm";

/** What the tracker knows of sources, for operators and for who chooses seeds. */
export class SwarmSeeds {
  readonly #tracker: Pick<TrackerService, "swarms" | "membersOf">;
  /** The server's own key. */
  readonly #own: string;

  constructor(tracker: Pick<TrackerService, "swarms" | "membersOf">, own: string) {
    this.#tracker = tracker;
    this.#own = own;
  }

  /** Seconds in which a peer would answer one more request, at its best; undefined where nothing came from it in any swarm that there is. */
  scoreOf(fingerprint: string): number | undefined {
    const scores = this.#tracker.swarms
      .flatMap((swarm) => this.#tracker.membersOf(swarm))
      .flatMap((member) => (member.fingerprint === fingerprint ? (member.source.score ?? []) : []));
    return scores.length === 0 ? undefined : Math.min(...scores);
  }

  /** Who has a version as a whole, and who holds a part of it for jobs: `parts` are pieces by fingerprint. */
  of(manifestId: string, parts: ReadonlyMap<string, number>): JobSeed[] {
    const members = this.#tracker.membersOf(manifestId);
    const there = new Set(members.map(({ fingerprint }) => fingerprint));
    const found = members
      .filter(({ fingerprint, isComplete }) => isComplete || parts.has(fingerprint))
      .map((member): JobSeed => {
        const { fingerprint, address, site, heldPieces, isComplete, source } = member;
        const partPieces = parts.get(fingerprint);
        const isServer = fingerprint === this.#own;
        return { fingerprint, address, site, isServer, heldPieces, isComplete, partPieces, ...source };
      });
    const away = [...parts].filter(([fingerprint]) => !there.has(fingerprint));
    return [
      ...found,
      ...away.map(([fingerprint, partPieces]): JobSeed => {
        const nothing = { heldPieces: 0, isComplete: false, load: 0, receivers: 0 };
        return { fingerprint, site: "", isServer: false, standing: "silent", ...nothing, partPieces };
      }),
    ];
  }
}
