import { crc32 as zlibCrc32 } from "node:zlib";

/** The checksum of GPT headers and entry arrays (UEFI 2.10 §5.3.2: CRC-32 as in ISO 3309, zlib's). */
export function crc32(bytes: Uint8Array): number {
  return zlibCrc32(bytes);
}
