import { bytesFromHex, crc32c, DecodeError, hexFromBytes, Reader, Writer } from "@ingot/wire";

import { DiskError } from "./errors.ts";
import { SECTOR_BYTES } from "./limits.ts";

const MAGIC = "INGOTHAV";
const VERSION = 1;
const HEADER_CRC_OFFSET = 56;
const BITS_BYTES = 504;

/** Have-bits in one map sector. */
export const BITS_PER_SECTOR: number = BITS_BYTES * 8;

/** The first 512 bytes of a have-map (docs/formats/have-map.md). */
export interface HaveHeader {
  readonly chunkCount: number;
  readonly sizeBytes: number;
  /** 64 hexadecimal digits. */
  readonly manifestId: string;
}

/** The header's 512 bytes. */
export function encodeHaveHeader(header: HaveHeader): Uint8Array {
  const writer = new Writer(SECTOR_BYTES)
    .ascii(MAGIC)
    .u32(VERSION)
    .u32(header.chunkCount)
    .u64(BigInt(header.sizeBytes))
    .bytes(bytesFromHex(header.manifestId));
  writer.u32(crc32c(writer.finish())).zeros(SECTOR_BYTES - HEADER_CRC_OFFSET - 4);
  return writer.finish();
}

/** Undefined when the bytes are not an undamaged header. DiskError `unsupported-version`. */
export function decodeHaveHeader(bytes: Uint8Array): HaveHeader | undefined {
  const reader = new Reader(bytes, "have-map header");
  try {
    if (String.fromCharCode(...reader.bytes(MAGIC.length)) !== MAGIC) return undefined;
    const version = reader.u32();
    const header = {
      chunkCount: reader.u32(),
      sizeBytes: Number(reader.u64()),
      manifestId: hexFromBytes(reader.bytes(32)),
    };
    if (reader.u32() !== crc32c(bytes.subarray(0, HEADER_CRC_OFFSET))) return undefined;
    if (version !== VERSION) {
      throw new DiskError("unsupported-version", `have-map: version ${version}, this program knows ${VERSION}`);
    }
    return header;
  } catch (error) {
    // Too short: a damaged header like any other, whose bits are not believed.
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** Map sector `index`: `bits` are its 504 bytes. */
export function encodeHaveSector(manifestId: string, index: number, bits: Uint8Array): Uint8Array {
  const writer = new Writer(SECTOR_BYTES).bytes(bits).u32(index);
  return writer.u32(checksum(manifestId, writer.finish())).finish();
}

/** The 504 bytes of have-bits (a view) of map sector `index`; undefined when it is damaged or another one. */
export function decodeHaveSector(manifestId: string, index: number, bytes: Uint8Array): Uint8Array | undefined {
  const reader = new Reader(bytes, "have-map sector");
  if (reader.remaining < SECTOR_BYTES) return undefined;
  const bits = reader.bytes(BITS_BYTES);
  const found = reader.u32();
  if (found !== index || reader.u32() !== checksum(manifestId, bytes.subarray(0, BITS_BYTES + 4))) return undefined;
  return bits;
}

function checksum(manifestId: string, bytes: Uint8Array): number {
  return crc32c(bytes, crc32c(bytesFromHex(manifestId)));
}
