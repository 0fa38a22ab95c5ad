// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { Codec } from "./pack.ts";

/** The fast end of the levels: 3.15 times smaller at 300 MB/s per core on a Debian root, where level 1 has 2.84 at 400. */
const LEVEL = 3;

/** A chunk as it goes into a pack. */
export interface CompressedChunk {
  readonly codec: Codec;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** Why stored bytes are not the chunk they should be. */
export class PayloadError extends Error {
  override readonly name = "PayloadError";
}

/**
 * Compresses a chunk, or leaves it as it is when that saves less than 1/32. Incompressible bytes cost little:
 * Zstandard skips through them at more than 1 GB/s by itself. What was compressed has been decompressed and compared.
 */
export function compressChunk(plain: Uint8Array<ArrayBuffer>): CompressedChunk {
  const compressed = zstdCompressSync(plain, {
    chunkSize: plain.length + 1024,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
  });
  if (compressed.length > plain.length - plain.length / 32) return { codec: Codec.stored, payload: plain };
  const again = zstdDecompressSync(compressed, { chunkSize: plain.length + 64, maxOutputLength: plain.length });
  if (again.compare(plain) !== 0) throw new Error("zstd did not give back what was compressed: faulty memory?");
  return { codec: Codec.zstd, payload: new Uint8Array(compressed) };
}

/**
 * The plain bytes of a stored chunk, verified against length and digest; throws `PayloadError`.
 * Output is bounded by `plainLength`, whatever the payload claims.
 */
export function openChunk(
  codec: Codec,
  payload: Uint8Array<ArrayBuffer>,
  plainLength: number,
  digest: Digest,
): Uint8Array<ArrayBuffer> {
  let plain = payload;
  if (codec === Codec.zstd) {
    try {
      const opened = zstdDecompressSync(payload, { chunkSize: plainLength + 64, maxOutputLength: plainLength });
      plain = new Uint8Array(opened.buffer as ArrayBuffer, opened.byteOffset, opened.byteLength);
    } catch (cause) {
      throw new PayloadError(`does not decompress to ${plainLength} bytes (${String(cause)})`, { cause });
    }
  }
  if (plain.length !== plainLength) throw new PayloadError(`got ${plain.length} bytes, expected ${plainLength}`);
  const got = sha256(plain);
  if (got !== digest) throw new PayloadError(`got SHA-256 ${got}, expected ${digest}`);
  return plain;
}
