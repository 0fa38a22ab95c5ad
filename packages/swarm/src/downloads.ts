import { MAX_SOURCES_OF_PACK } from "./limits.ts";
import { PackSet } from "./pack-set.ts";

/** The packs that are under way to a peer, and from whom. */
export class Downloads {
  /** Packs with at least one source. */
  readonly packs: PackSet;
  readonly #sources = new Map<number, number[]>();
  #count = 0;

  constructor(packCount: number) {
    this.packs = new PackSet(packCount);
  }

  /** Transfers under way; a pack with two sources counts twice. */
  get count(): number {
    return this.#count;
  }

  add(pack: number, neighbour: number): void {
    this.packs.add(pack);
    const sources = this.#sources.get(pack);
    if (sources === undefined) this.#sources.set(pack, [neighbour]);
    else sources.push(neighbour);
    this.#count++;
  }

  /** Returns whether the pack was under way from there. */
  remove(pack: number, neighbour: number): boolean {
    const sources = this.#sources.get(pack);
    const at = sources?.indexOf(neighbour) ?? -1;
    if (sources === undefined || at < 0) return false;
    sources.splice(at, 1);
    this.#count--;
    if (sources.length === 0) {
      this.#sources.delete(pack);
      this.packs.delete(pack);
    }
    return true;
  }

  /** Whether anything is under way from a neighbour. */
  isFrom(neighbour: number): boolean {
    return this.#sources.values().some((sources) => sources.includes(neighbour));
  }

  /** Forgets all transfers of a pack; returns where they come from. */
  removePack(pack: number): readonly number[] {
    const sources = this.#sources.get(pack) ?? [];
    this.#count -= sources.length;
    this.#sources.delete(pack);
    this.packs.delete(pack);
    return sources;
  }

  /** Forgets all transfers from a neighbour; returns whether there were any. */
  removeNeighbour(neighbour: number): boolean {
    const before = this.#count;
    for (const pack of this.#sources.keys()) this.remove(pack, neighbour);
    return this.#count < before;
  }

  /** A pack that `offered` has and that one more source may be asked for; undefined when there is none. */
  pickDuplicate(offered: PackSet, neighbour: number): number | undefined {
    for (const [pack, sources] of this.#sources) {
      if (offered.has(pack) && sources.length < MAX_SOURCES_OF_PACK && !sources.includes(neighbour)) return pack;
    }
    return undefined;
  }
}
