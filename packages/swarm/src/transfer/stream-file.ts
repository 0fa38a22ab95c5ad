import { CHUNK_HEADER_BYTES, encodeChunkHeader } from "./chunk-stream.ts";
import { type OpenPacks, type OutgoingChunk, readFully } from "./image-file.ts";

/** Bytes of the chunk stream of these chunks. */
export function streamBytesOf(chunks: readonly OutgoingChunk[]): number {
  return chunks.reduce((sum, { length }) => sum + CHUNK_HEADER_BYTES + length, 0);
}

/** Reads chunks as a chunk stream, a buffer at a time. */
export class StreamFile {
  readonly #chunks: readonly OutgoingChunk[];
  readonly #packs: OpenPacks;
  readonly #header = new Uint8Array(CHUNK_HEADER_BYTES);
  #index = 0;
  /** Bytes of the current chunk, header included, that were given out. */
  #done = 0;

  constructor(chunks: readonly OutgoingChunk[], packs: OpenPacks) {
    this.#chunks = chunks;
    this.#packs = packs;
  }

  /** Fills the buffer, or as much of it as is left; returns the bytes. Throws `SwarmError` `read-failed`. */
  read(buffer: Uint8Array): number {
    let at = 0;
    while (at < buffer.length) {
      const chunk = this.#chunks[this.#index];
      if (chunk === undefined) break;
      at += this.#copy(chunk, buffer.subarray(at));
      if (this.#done < CHUNK_HEADER_BYTES + chunk.length) continue;
      this.#index++;
      this.#done = 0;
    }
    return at;
  }

  #copy(chunk: OutgoingChunk, into: Uint8Array): number {
    if (this.#done < CHUNK_HEADER_BYTES) {
      encodeChunkHeader({ chunk: chunk.chunk, codec: chunk.codec, storedLength: chunk.length }, this.#header);
      const part = this.#header.subarray(this.#done, this.#done + into.length);
      into.set(part);
      this.#done += part.length;
      return part.length;
    }
    const at = this.#done - CHUNK_HEADER_BYTES;
    const length = Math.min(into.length, chunk.length - at);
    if ("payload" in chunk) into.set(chunk.payload.subarray(at, at + length));
    else {
      const fd = typeof chunk.file === "number" ? chunk.file : this.#packs.open(chunk.file);
      readFully(fd, into.subarray(0, length), chunk.position + at);
    }
    this.#done += length;
    return length;
  }
}
