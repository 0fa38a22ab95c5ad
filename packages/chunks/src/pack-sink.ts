import type { Digest } from "./digest.ts";
import { MAX_CHUNK_BYTES } from "./limits.ts";
import type { ChunkSink } from "./import-run.ts";
import type { PackWriter } from "./pack-writer.ts";
import type { StoreCore } from "./store-core.ts";

/** Plain bytes between the chunker and the packs: keeps the worker threads busy, and memory small. */
const IN_FLIGHT_BYTES = 16 * MAX_CHUNK_BYTES;

/**
 * The way of an import's chunks into packs: hashed on any thread, judged new or known in image order, compressed on
 * any thread, packed in image order.
 *
 * ```
 * add ──▶ hash ══▶ known? ──▶ compress ══▶ pack       ══▶ several at once    ──▶ in order
 * ```
 */
export class PackSink implements ChunkSink {
  readonly #core: StoreCore;
  readonly #pins: Set<Digest>;
  readonly #writer: PackWriter;
  readonly #digests = new Map<number, Digest>();
  /** Chunks that this import packs itself. */
  readonly #own = new Set<Digest>();
  #judged: Promise<unknown> = Promise.resolve();
  #packed: Promise<void> = Promise.resolve();
  #failed = false;
  #inFlightBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /** Packs that the import relies on are added to `pins`. */
  constructor(core: StoreCore, writer: PackWriter, pins: Set<Digest>) {
    this.#core = core;
    this.#pins = pins;
    this.#writer = writer;
  }

  get newChunkCount(): number {
    return this.#own.size;
  }

  get newPackBytes(): number {
    return this.#writer.bytes;
  }

  async add(extent: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const plainLength = bytes.length;
    this.#inFlightBytes += plainLength;
    const { pool } = this.#core;
    const judged = Promise.all([pool.run({ kind: "hash", bytes }), this.#judged]).then(([hashed]) => ({
      ...hashed,
      isNew: this.#judge(extent, hashed.digest),
    }));
    this.#judged = judged;
    const compressed = judged.then(async (chunk) =>
      chunk.isNew ? { digest: chunk.digest, ...(await pool.run({ kind: "compress", bytes: chunk.bytes })) } : undefined,
    );
    const packed = Promise.all([compressed, this.#packed]).then(async ([chunk]) => {
      if (chunk !== undefined) await this.#writer.add(chunk.digest, chunk.codec, chunk.payload, plainLength);
      this.#leave(plainLength);
    });
    this.#packed = packed;
    // Every later chunk fails with it; `finish` or the next wait for room reports it.
    packed.catch(() => {
      this.#failed = true;
      this.#leave(plainLength);
    });
    while (this.#inFlightBytes > IN_FLIGHT_BYTES) {
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
    }
    if (this.#failed) await this.#packed;
  }

  async finish(): Promise<ReadonlyMap<number, Digest>> {
    await this.#packed;
    return this.#digests;
  }

  /** Resolves when nothing is under way any more, successful or not. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#packed]);
  }

  /** Whether the chunk has to be packed. In image order, so that a repeated chunk is packed once, where it comes first. */
  #judge(extent: number, digest: Digest): boolean {
    this.#digests.set(extent, digest);
    if (this.#own.has(digest) || this.#core.pinIfKnown(digest, this.#pins)) return false;
    this.#own.add(digest);
    return true;
  }

  #leave(plainLength: number): void {
    this.#inFlightBytes -= plainLength;
    this.#room?.resolve();
    this.#room = undefined;
  }
}
