import { ChunkIndex } from "./chunk-index.ts";
import { isDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";
import type { HttpFetcher } from "./http-fetcher.ts";
import type { IndexSegment } from "./index-segment.ts";
import { MAX_HTTP_LISTING_BYTES, MAX_HTTP_SEGMENTS, MAX_SEGMENT_BYTES } from "./limits.ts";
import { readSegment } from "./segments.ts";

/** Where the list of segments is. */
const LISTING_PATH = "index/";
const SEGMENT_NAME = /(?<![0-9a-f])([0-9a-f]{64})\.index\b/g;
/** Looks at a list that changes while its files are read. */
const MAX_LOOKS = 3;

/** The index of a remote store, as of the last look at it. */
export class IndexRefresher {
  readonly #fetcher: HttpFetcher;
  readonly #closed: AbortSignal;
  #current = new ChunkIndex();
  #names = new Set<Digest>();
  #refreshing: Promise<void> | undefined;

  /** `closed` ends a look that is under way. */
  constructor(fetcher: HttpFetcher, closed: AbortSignal) {
    this.#fetcher = fetcher;
    this.#closed = closed;
  }

  /** Replaced, never changed, by `refresh`. */
  get current(): ChunkIndex {
    return this.#current;
  }

  /**
   * Looks which segments there are, and reads them all when they are others than before. Several at a time are one.
   * Throws `ChunkError`: `io`, `damaged`, `unsupported`.
   */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    for (let look = 1; ; look++) {
      const names = await this.#list();
      if (names.size === this.#names.size && names.isSubsetOf(this.#names)) return;
      const index = await this.#read(names);
      if (index !== undefined) {
        this.#current = index;
        this.#names = names;
        return;
      }
      if (look === MAX_LOOKS) {
        throw new ChunkError("io", `${LISTING_PATH}: names files that are not there`, { path: LISTING_PATH });
      }
    }
  }

  /** The segments that the list names, in whatever form: lines of text, or the page that a web server makes of a directory. */
  async #list(): Promise<Set<Digest>> {
    const bytes = await this.#fetcher.read(LISTING_PATH, MAX_HTTP_LISTING_BYTES, this.#closed);
    // A store without segments has no chunks, but a server that lists nothing is no store.
    if (bytes === undefined) {
      throw new ChunkError("io", `${LISTING_PATH}: the server gives no list of it`, { path: LISTING_PATH });
    }
    const names = new Set<Digest>();
    for (const [, name] of new TextDecoder("latin1").decode(bytes).matchAll(SEGMENT_NAME)) {
      if (name !== undefined && isDigest(name)) names.add(name);
    }
    if (names.size > MAX_HTTP_SEGMENTS) {
      const message = `${LISTING_PATH}: ${names.size} index segments, expected at most ${MAX_HTTP_SEGMENTS}`;
      throw new ChunkError("too-large", message, { path: LISTING_PATH });
    }
    return names;
  }

  /** `undefined` when a segment went away meanwhile: the store was compacted, and its list is another one now. */
  async #read(names: ReadonlySet<Digest>): Promise<ChunkIndex | undefined> {
    const segments: { name: Digest; segment: IndexSegment }[] = [];
    for (const name of names) {
      let path = "";
      let isThere = true;
      const read = async (wanted: string): Promise<Uint8Array<ArrayBuffer>> => {
        path = wanted;
        const bytes = await this.#fetcher.read(wanted, MAX_SEGMENT_BYTES, this.#closed);
        isThere = bytes !== undefined;
        return bytes ?? new Uint8Array();
      };
      const segment = await readSegment({ read }, name);
      if (!isThere) return undefined;
      if ("damage" in segment) throw new ChunkError("damaged", `${path}: ${segment.damage}`, { path });
      segments.push({ name, segment });
    }
    segments.sort((a, b) => a.segment.sequence - b.segment.sequence || (a.name < b.name ? -1 : 1));
    const index = new ChunkIndex();
    for (const { segment } of segments) for (const table of segment.packs) index.addPack(table);
    return index;
  }
}
