import { MAX_PRELOAD_SEEDS, type SeedAnswer, type SeedHeartbeat, type SeedOrder } from "@ingot/api";
import type { Preload, SwarmMember } from "@ingot/control";
import { type ImagePart, piecesOfPart } from "@ingot/swarm";

/** How often a seed says that it is there. */
const HEARTBEAT_MS = 3000;

/** A seed that was not heard for so long is replaced. */
const LOST_MS = 4 * HEARTBEAT_MS;

/** So long after the server's start seeds may still turn up that were there before. */
const GATHER_MS = 3 * HEARTBEAT_MS;

/** Where nothing has come for so long, a job begins with what is there. */
const STUCK_MS = 60_000;

/** The jobs that ask for seeds. */
interface PreloadJobs {
  readonly preloads: readonly Preload[];
  /** Where the machines of a job stand; empty names for those of which nobody said so. */
  sitesOf(jobId: number): Promise<ReadonlySet<string>>;
  /** None of its machines begins for this reason. */
  hold(jobId: number, waitsFor: string): Promise<void>;
  /** They may begin. */
  letBegin(jobId: number, how: string): Promise<void>;
}

/** What the preloads need of their surroundings. */
export interface PreloadsDeps {
  /** Milliseconds, of any beginning. */
  readonly now: () => number;
  readonly jobs: PreloadJobs;
  /** Rejects as the store does. */
  readonly sizeOf: (manifestId: string) => Promise<{ readonly pieceCount: number; readonly plainBytes: number }>;
  /** Seconds in which a seed would answer one more request, where that was measured; lower is better. */
  readonly scoreOf: (fingerprint: string) => number | undefined;
  /** The server's own branch, where machines stand of which nobody has said another. */
  readonly site: string;
  readonly onError: (error: unknown) => void;
}

interface Seed {
  readonly fingerprint: string;
  site: string;
  freeBytes: number;
  heardAt: number;
  held: ReadonlyMap<string, number>;
}

/** The first part of an image, divided among seeds. */
interface Division {
  readonly manifestId: string;
  readonly image: string;
  readonly pieceCount: number;
  readonly plainBytes: number;
  percent: number;
  /** Who has each of its places; undefined where nobody is left to have it. */
  places: (string | undefined)[];
  /** Pieces that were there when it was looked at last, and since when there are no more. */
  held: number;
  heldSince: number;
}

/**
 * Before a job begins, seeds get the first part of its image, each another part of that: machines that lend space and uplink
 * (`ingot agent seed`) and are nobody's targets. Nothing is kept: after a restart the seeds say what they hold, and get the same parts again.
 */
export class Preloads {
  readonly #deps: PreloadsDeps;
  readonly #startedAt: number;
  readonly #seeds = new Map<string, Seed>();
  /** By manifest: jobs of one image share it. */
  readonly #divisions = new Map<string, Division>();
  #ticking: Promise<void> = Promise.resolve();

  constructor(deps: PreloadsDeps) {
    this.#deps = deps;
    this.#startedAt = deps.now();
  }

  /** A seed says that it is there, and hears what it is to hold. */
  heartbeat({ fingerprint, site }: Pick<SwarmMember, "fingerprint" | "site">, said: SeedHeartbeat): SeedAnswer {
    const held = new Map(said.held.map(({ manifestId, pieces }) => [manifestId, pieces]));
    const { freeBytes } = said;
    this.#seeds.set(fingerprint, { fingerprint, site, freeBytes, heardAt: this.#deps.now(), held });
    const orders = [...this.#divisions.values()].flatMap((division): SeedOrder[] => {
      const part = partOf(division, fingerprint);
      return part === undefined ? [] : [{ manifestId: division.manifestId, image: division.image, part }];
    });
    return { orders, intervalSeconds: HEARTBEAT_MS / 1000 };
  }

  /** Pieces of a version that each seed holds for jobs, or is to. */
  partsOf(manifestId: string): ReadonlyMap<string, number> {
    const division = this.#divisions.get(manifestId);
    const parts = new Map<string, number>();
    for (const fingerprint of division?.places ?? []) {
      if (division !== undefined && fingerprint !== undefined) parts.set(fingerprint, partSize(division, fingerprint));
    }
    return parts;
  }

  /** Looks at what has changed: to be called every second. Calls take turns. */
  tick(): Promise<void> {
    this.#ticking = this.#ticking.then(() => this.#tick()).catch(this.#deps.onError);
    return this.#ticking;
  }

  async #tick(): Promise<void> {
    const { jobs, now } = this.#deps;
    for (const [fingerprint, { heardAt }] of this.#seeds) {
      if (now() - heardAt > LOST_MS) this.#seeds.delete(fingerprint);
    }
    const { preloads } = jobs;
    const wanted = new Set(preloads.map(({ image }) => image.manifestId));
    for (const manifestId of this.#divisions.keys()) if (!wanted.has(manifestId)) this.#divisions.delete(manifestId);
    for (const { jobId, image, percent, waits } of preloads) {
      const division = this.#divisions.get(image.manifestId) ?? (await this.#divide(image, percent));
      division.percent = Math.max(division.percent, percent);
      if (await this.#staff(division, jobId)) await this.#tellHold(jobId, division, waits);
      if (waits) await this.#judge(jobId, division);
    }
  }

  async #divide(
    { name, version, manifestId }: { readonly name: string; readonly version: number; readonly manifestId: string },
    percent: number,
  ): Promise<Division> {
    const { pieceCount, plainBytes } = await this.#deps.sizeOf(manifestId);
    const division: Division = {
      manifestId,
      image: `${name}:${version}`,
      pieceCount,
      plainBytes,
      percent,
      places: [],
      held: 0,
      heldSince: this.#deps.now(),
    };
    this.#divisions.set(manifestId, division);
    return division;
  }

  /** Gives places to seeds: at first to the best, later those of the lost to others. Returns whether anything has changed. */
  async #staff(division: Division, jobId: number): Promise<boolean> {
    const { places } = division;
    const isVacant = (place: string | undefined): boolean => place === undefined || !this.#seeds.has(place);
    if (places.length > 0 && !places.some(isVacant)) return false;
    const spare = await this.#spareSeeds(division, jobId);
    if (places.length === 0) {
      division.places = spare.slice(0, MAX_PRELOAD_SEEDS).map(({ fingerprint }) => fingerprint);
      // The same seeds have the same places after a restart.
      division.places.sort(compareText);
    } else {
      for (const [index, place] of places.entries()) {
        if (isVacant(place))
          places[index] = spare.shift()?.fingerprint ?? fewestPlaces(places.filter((p) => !isVacant(p)));
      }
    }
    division.heldSince = this.#deps.now();
    return division.places.length > 0;
  }

  /** Seeds with room that have no place yet, the best first: those where the job's machines are, then the quickest. */
  async #spareSeeds({ places, plainBytes, percent }: Division, jobId: number): Promise<Seed[]> {
    const { jobs, scoreOf, site } = this.#deps;
    const sites = new Set([...(await jobs.sitesOf(jobId))].map((name) => (name === "" ? site : name)));
    return [...this.#seeds.values()]
      .filter((seed) => !places.includes(seed.fingerprint) && seed.freeBytes >= (plainBytes * percent) / 100)
      .map((seed) => ({ seed, rank: sites.has(seed.site) ? 0 : 1, score: scoreOf(seed.fingerprint) ?? 0 }))
      .toSorted((a, b) => a.rank - b.rank || a.score - b.score || b.seed.freeBytes - a.seed.freeBytes)
      .map(({ seed }) => seed);
  }

  async #tellHold(jobId: number, { percent, places }: Division, waits: boolean): Promise<void> {
    const count = new Set(places).size;
    const seeds = count === 1 ? "a seed" : `${count} seeds`;
    if (waits)
      await this.#deps.jobs.hold(jobId, `the first ${percent} % of the image goes to ${seeds} before it begins`);
  }

  /** Lets a job begin when everything is where it should be, or will not be. */
  async #judge(jobId: number, division: Division): Promise<void> {
    const { jobs, now } = this.#deps;
    const { manifestId, percent } = division;
    const seeds = [...new Set(division.places)].filter((place) => place !== undefined);
    if (seeds.length === 0) {
      if (now() - this.#startedAt < GATHER_MS) return;
      return jobs.letBegin(jobId, "no machine lends itself as a seed (ingot agent seed); it begins without");
    }
    const heldBy = seeds.map((seed) => this.#seeds.get(seed)?.held.get(manifestId) ?? 0);
    const sizes = seeds.map((seed) => partSize(division, seed));
    const [held, size] = [sum(heldBy), sum(sizes)];
    if (heldBy.every((count, index) => count >= (sizes[index] ?? 0))) {
      const among = seeds.length === 1 ? "a seed holds" : `${seeds.length} seeds hold, each another part,`;
      return jobs.letBegin(jobId, `${among} the first ${percent} % of the image: ${size} pieces`);
    }
    if (held !== division.held) {
      division.held = held;
      division.heldSince = now();
    }
    if (now() - division.heldSince < STUCK_MS) return;
    return jobs.letBegin(jobId, `its seeds have ${held} of ${size} pieces and get no more; it begins with these`);
  }
}

/** What a seed is to hold; undefined where it has no place. */
function partOf({ places, pieceCount, percent }: Division, fingerprint: string): ImagePart | undefined {
  const own = [...places.keys()].filter((index) => places[index] === fingerprint);
  if (own.length === 0) return undefined;
  return { end: Math.ceil((pieceCount * percent) / 100), of: places.length, places: own };
}

function partSize(division: Division, fingerprint: string): number {
  const part = partOf(division, fingerprint);
  return part === undefined ? 0 : piecesOfPart(part, division.pieceCount).size;
}

/** Of those that have places the one with the fewest; undefined when there is none. */
function fewestPlaces(places: readonly (string | undefined)[]): string | undefined {
  const counts = new Map<string, number>();
  for (const place of places) if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => a - b)[0]?.[0];
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function compareText(a = "", b = ""): number {
  return a < b ? -1 : Number(a > b);
}
