import { bytesFromHex, crc32c, hexFromBytes, Reader, Writer } from "@ingot/wire";

import { MAX_TRACE_BOOTS, MAX_TRACE_CHUNKS } from "./limits.ts";

const MAGIC = "INGOTBTR";
const VERSION = 1;
const MANIFEST_ID_BYTES = 32;
const HEADER_BYTES = 56;
const CRC_BYTES = 4;

/** Which chunks booting machines read, and in which order. Layout and rules: docs/formats/boot-trace.md. */
export interface BootTrace {
  /** 64 hexadecimal digits. */
  readonly manifestId: string;
  /** Chunk extents of the manifest. */
  readonly chunkCount: number;
  /** Recordings that are in it, 1 … 8. */
  readonly bootCount: number;
  /** Numbers of chunk extents in the order of their first read; none twice, at least one. */
  readonly chunks: readonly number[];
}

/** The bytes of a trace; they were decoded again. Throws `DecodeError` when the trace breaks a rule. */
export function encodeBootTrace(trace: BootTrace): Uint8Array<ArrayBuffer> {
  const writer = new Writer(HEADER_BYTES + trace.chunks.length * 4 + CRC_BYTES)
    .ascii(MAGIC)
    .u32(VERSION)
    .bytes(bytesFromHex(trace.manifestId))
    .u32(trace.chunkCount)
    .u32(trace.bootCount)
    .u32(trace.chunks.length);
  for (const chunk of trace.chunks) writer.u32(chunk);
  const bytes = writer.u32(crc32c(writer.finish())).finish();
  decodeBootTrace(bytes);
  return bytes;
}

/** Strict inverse of `encodeBootTrace`; throws `DecodeError`. */
export function decodeBootTrace(bytes: Uint8Array): BootTrace {
  const reader = new Reader(bytes, "boot trace");
  const magic = String.fromCharCode(...reader.bytes(MAGIC.length));
  if (magic !== MAGIC) reader.fail(`magic ${JSON.stringify(magic)}, expected ${MAGIC}`);
  const version = reader.u32();
  if (version !== VERSION) reader.fail(`version ${version}, expected ${VERSION}`);
  const manifestId = hexFromBytes(reader.bytes(MANIFEST_ID_BYTES));
  const chunkCount = reader.u32();
  const bootCount = reader.u32();
  if (bootCount === 0 || bootCount > MAX_TRACE_BOOTS) {
    reader.fail(`${bootCount} recordings, expected 1 … ${MAX_TRACE_BOOTS}`);
  }
  const entryCount = reader.u32();
  const maxEntries = Math.min(MAX_TRACE_CHUNKS, chunkCount);
  if (entryCount === 0 || entryCount > maxEntries) reader.fail(`${entryCount} entries, expected 1 … ${maxEntries}`);
  const chunks: number[] = [];
  const seen = new Set<number>();
  for (let i = 0; i < entryCount; i++) {
    const chunk = reader.u32();
    if (chunk >= chunkCount) reader.fail(`entry ${i}: chunk ${chunk}, expected less than ${chunkCount}`);
    if (seen.has(chunk)) reader.fail(`entry ${i}: chunk ${chunk} twice`);
    seen.add(chunk);
    chunks.push(chunk);
  }
  const crc = crc32c(bytes.subarray(0, reader.offset));
  const stored = reader.u32();
  if (stored !== crc) reader.fail(`CRC-32C ${stored}, expected ${crc}`);
  reader.end();
  return { manifestId, chunkCount, bootCount, chunks };
}

/**
 * A trace with one more recording: what it lacks is added behind the chunk that was read before it, what it has stays in its
 * order. `recorded` has no chunk twice.
 */
export function extendBootTrace(trace: BootTrace, recorded: readonly number[]): BootTrace {
  const known = new Set(trace.chunks);
  const added = new Map<number | undefined, number[]>();
  let behind: number | undefined;
  for (const chunk of recorded) {
    if (known.has(chunk)) {
      behind = chunk;
      continue;
    }
    const list = added.get(behind);
    if (list === undefined) added.set(behind, [chunk]);
    else list.push(chunk);
  }
  const chunks = [
    ...(added.get(undefined) ?? []),
    ...trace.chunks.flatMap((chunk) => [chunk, ...(added.get(chunk) ?? [])]),
  ];
  return {
    ...trace,
    bootCount: Math.min(trace.bootCount + 1, MAX_TRACE_BOOTS),
    chunks: chunks.slice(0, MAX_TRACE_CHUNKS),
  };
}

/** Whether further recordings would change nothing (docs/formats/boot-trace.md, "Recording", rule 4). */
export function isComplete(trace: BootTrace): boolean {
  return trace.bootCount >= MAX_TRACE_BOOTS;
}
