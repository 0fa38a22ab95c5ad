import type { Digest } from "./digest.ts";

/** Plain chunks that were read lately, up to a number of bytes; the least recently used goes first. */
export class ChunkCache {
  readonly #limitBytes: number;
  readonly #chunks = new Map<Digest, Uint8Array>();
  #bytes = 0;

  /** `limitBytes` 0 keeps nothing. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get(digest: Digest): Uint8Array | undefined {
    const chunk = this.#chunks.get(digest);
    if (chunk !== undefined) {
      this.#chunks.delete(digest);
      this.#chunks.set(digest, chunk);
    }
    return chunk;
  }

  add(digest: Digest, chunk: Uint8Array): void {
    if (chunk.length > this.#limitBytes || this.#chunks.has(digest)) return;
    this.#chunks.set(digest, chunk);
    this.#bytes += chunk.length;
    for (const [oldest, bytes] of this.#chunks) {
      if (this.#bytes <= this.#limitBytes) return;
      this.#chunks.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
