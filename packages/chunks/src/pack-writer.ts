import type { Digest } from "./digest.ts";
import type { PackTable } from "./index-segment.ts";
import { PackBuilder } from "./pack.ts";
import type { Codec } from "./pack.ts";
import type { StoreCore } from "./store-core.ts";

/** Packs being written at once: one on its way to the disk while the next one is hashed. */
const WRITES_AT_ONCE = 3;

/**
 * Puts chunks into packs and packs onto the disk, for one operation (an import, a prune). What it wrote becomes part of
 * the store when the caller commits the tables that `finish` returns; until then, and after a failure, `release` takes it away.
 */
export class PackWriter {
  readonly #core: StoreCore;
  readonly #owned: Digest[] = [];
  #builder = new PackBuilder();
  readonly #writes: Promise<PackTable>[] = [];
  #bytes = 0;

  constructor(core: StoreCore) {
    this.#core = core;
  }

  /** Bytes of the packs written or under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a chunk that is not in this writer yet; waits when the disk is behind. */
  async add(digest: Digest, codec: Codec, payload: Uint8Array, plainLength: number): Promise<void> {
    if (!this.#builder.hasRoomFor(payload.length)) await this.#flush();
    this.#builder.add(digest, codec, payload, plainLength);
  }

  /** Writes what is left and returns the tables in order; all packs are durable then, their names included. */
  async finish(): Promise<readonly PackTable[]> {
    if (this.#builder.entries.length > 0) await this.#flush();
    const tables = await Promise.all(this.#writes);
    await this.#core.syncPackDirectories(this.#owned);
    return tables;
  }

  /** Gives up the ownership of the packs, whatever happened; those that the index does not have are removed. */
  async release(): Promise<void> {
    await Promise.allSettled(this.#writes);
    await this.#core.disownPacks(this.#owned.splice(0));
  }

  async #flush(): Promise<void> {
    const builder = this.#builder;
    this.#builder = new PackBuilder();
    if (this.#writes.length >= WRITES_AT_ONCE) await this.#writes[this.#writes.length - WRITES_AT_ONCE];
    const write = this.#write(builder);
    // The failure is reported by the next `flush` or by `finish`.
    write.catch(() => undefined);
    this.#writes.push(write);
  }

  async #write(builder: PackBuilder): Promise<PackTable> {
    const file = builder.finish();
    this.#bytes += file.length;
    const { digest, bytes } = await this.#core.pool.run({ kind: "hash", bytes: file });
    await this.#core.writePack(digest, bytes);
    this.#owned.push(digest);
    return { pack: digest, entries: builder.entries };
  }
}
