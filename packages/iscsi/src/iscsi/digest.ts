import { crc32c } from "@ingot/wire";
import { byteAt } from "../bytes.ts";

/** Bytes of one digest on the wire. */
export const DIGEST_BYTES = 4;

/** Writes the CRC32C of `bytes[from..to)` at `to`, least significant byte first (RFC 7143 §13.1, RFC 3720 B.4). */
export function putDigest(bytes: Uint8Array, from: number, to: number): void {
  const crc = crc32c(bytes.subarray(from, to));
  bytes[to] = crc;
  bytes[to + 1] = crc >>> 8;
  bytes[to + 2] = crc >>> 16;
  bytes[to + 3] = crc >>> 24;
}

/** Whether the digest at `to` belongs to `bytes[from..to)`. */
export function digestMatches(bytes: Uint8Array, from: number, to: number): boolean {
  const crc = crc32c(bytes.subarray(from, to));
  const sent =
    byteAt(bytes, to) | (byteAt(bytes, to + 1) << 8) | (byteAt(bytes, to + 2) << 16) | (byteAt(bytes, to + 3) << 24);
  return crc === sent >>> 0;
}
