import { bytesFromHex, crc32c, DecodeError, hexFromBytes, Reader, Writer } from "@ingot/wire";

import { type BlockRun, BlockState } from "./block-map.ts";
import { DiskError } from "./errors.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./limits.ts";

const HEADER_MAGIC = "INGOTOVL";
const RECORD_MAGIC = "IOVR";
const VERSION = 1;
const HEADER_CRC_OFFSET = 64;
const RECORD_CRC_OFFSET = 20;
const RECORD_HEADER_BYTES = 24;
const RUN_BYTES = 12;

/** The first 512 bytes of an overlay's map (docs/formats/overlay.md). */
export interface OverlayHeader {
  readonly sizeBytes: number;
  readonly generation: number;
  /** Identity of the base: 64 hexadecimal digits, for an image its manifest's SHA-256. */
  readonly baseId: string;
}

/** What a record describes: the whole disk, or what changed since the record before. */
export const RecordKind = { checkpoint: 1, changes: 2 } as const;
/** One of the values of `RecordKind`. */
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

/** A list of runs in an overlay's map. */
export interface OverlayRecord {
  readonly kind: RecordKind;
  readonly sequence: number;
  readonly runs: readonly BlockRun[];
}

/** The header's 512 bytes. */
export function encodeOverlayHeader(header: OverlayHeader): Uint8Array {
  const writer = new Writer(SECTOR_BYTES)
    .ascii(HEADER_MAGIC)
    .u32(VERSION)
    .u32(BLOCK_BYTES)
    .u64(BigInt(header.sizeBytes))
    .u64(BigInt(header.generation))
    .bytes(bytesFromHex(header.baseId));
  writer.u32(crc32c(writer.finish())).zeros(SECTOR_BYTES - HEADER_CRC_OFFSET - 4);
  return writer.finish();
}

/** Throws DiskError `damaged-map` or `unsupported-version`. */
export function decodeOverlayHeader(bytes: Uint8Array): OverlayHeader {
  const reader = new Reader(bytes, "overlay header");
  try {
    const magic = ascii(reader.bytes(HEADER_MAGIC.length));
    if (magic !== HEADER_MAGIC) reader.fail(`magic is ${JSON.stringify(magic)}, expected "${HEADER_MAGIC}"`);
    const version = reader.u32();
    if (version > VERSION) {
      throw new DiskError("unsupported-version", `overlay map: version ${version}, this program knows ${VERSION}`);
    }
    const blockBytes = reader.u32();
    const sizeBytes = Number(reader.u64());
    const generation = Number(reader.u64());
    const baseId = hexFromBytes(reader.bytes(32));
    const crc = reader.u32();
    if (crc !== crc32c(bytes.subarray(0, HEADER_CRC_OFFSET))) reader.fail("checksum does not match");
    if (version !== VERSION) reader.fail(`version is ${version}, expected ${VERSION}`);
    if (blockBytes !== BLOCK_BYTES) reader.fail(`block size is ${blockBytes}, expected ${BLOCK_BYTES}`);
    if (!Number.isSafeInteger(generation)) reader.fail(`generation is ${generation}`);
    return { sizeBytes, generation, baseId };
  } catch (error) {
    if (error instanceof DecodeError) throw new DiskError("damaged-map", error.message, { cause: error });
    throw error;
  }
}

/** A record with its padding. */
export function encodeOverlayRecord(record: OverlayRecord): Uint8Array {
  const length = RECORD_HEADER_BYTES + record.runs.length * RUN_BYTES;
  const writer = new Writer(paddedLength(length))
    .ascii(RECORD_MAGIC)
    .u32(record.kind)
    .u64(BigInt(record.sequence))
    .u32(record.runs.length)
    .u32(0);
  for (const run of record.runs) writer.u32(run.firstBlock).u32(run.blockCount).u32(run.state);
  writer.patchU32(RECORD_CRC_OFFSET, crc32c(writer.finish()));
  return writer.zeros(paddedLength(length) - length).finish();
}

/**
 * The record that begins at `offset` of the map's bytes, and where the next one begins; undefined when no complete,
 * undamaged record of a disk with `blockCount` blocks stands there.
 */
export function decodeOverlayRecord(
  bytes: Uint8Array,
  offset: number,
  blockCount: number,
): { record: OverlayRecord; nextOffset: number } | undefined {
  const reader = new Reader(bytes.subarray(offset), "overlay record");
  if (reader.remaining < RECORD_HEADER_BYTES) return undefined;
  if (ascii(reader.bytes(4)) !== RECORD_MAGIC) return undefined;
  const kind = reader.u32();
  const sequence = Number(reader.u64());
  const runCount = reader.u32();
  const crc = reader.u32();
  if (kind !== RecordKind.checkpoint && kind !== RecordKind.changes) return undefined;
  if (reader.remaining < runCount * RUN_BYTES) return undefined;
  const length = RECORD_HEADER_BYTES + runCount * RUN_BYTES;
  const before = crc32c(bytes.subarray(offset, offset + RECORD_CRC_OFFSET));
  const runBytes = bytes.subarray(offset + RECORD_HEADER_BYTES, offset + length);
  if (crc !== crc32c(runBytes, crc32c(new Uint8Array(4), before))) return undefined;
  const runs: BlockRun[] = [];
  for (let i = 0; i < runCount; i++) {
    const run = { firstBlock: reader.u32(), blockCount: reader.u32(), state: reader.u32() as BlockState };
    const known = run.state === BlockState.data || run.state === BlockState.zero || run.state === BlockState.base;
    if (!known || run.blockCount === 0 || run.firstBlock + run.blockCount > blockCount) return undefined;
    runs.push(run);
  }
  return { record: { kind, sequence, runs }, nextOffset: offset + paddedLength(length) };
}

function paddedLength(length: number): number {
  return Math.ceil(length / SECTOR_BYTES) * SECTOR_BYTES;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
