import { DecodeError, Reader, Writer } from "@ingot/wire";
import { DIGEST_BYTES, sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import type { Extent } from "./extent.ts";
import {
  MAX_CHUNK_BYTES,
  MAX_EXTENTS,
  MAX_IMAGE_BYTES,
  MAX_MANIFEST_BYTES,
  MAX_PARTITION_FACTS_BYTES,
  SECTOR_BYTES,
} from "./limits.ts";
import { decodePartitionFacts, encodePartitionFacts } from "./partition-facts.ts";
import type { PartitionFacts } from "./partitions.ts";

/** The document of one version of an image. Layout and rules: `docs/formats/manifest.md`. */
export interface Manifest {
  readonly formatVersion: 1;
  /** Size of the image, a multiple of 512. */
  readonly sizeBytes: number;
  readonly sectorBytes: 512;
  /** `undefined` when the image has no partition table that we know. */
  readonly partitions: PartitionFacts | undefined;
  /** Sorted, without gaps, covering `sizeBytes`; no two zero or two don't-care extents in a row. */
  readonly extents: readonly Extent[];
}

const MAGIC = "INGOTMAN";
const END_MAGIC = "INGOTEND";
const HEADER_BYTES = 36;
const EXTENT_BYTES = 8;
/** At half load, random digests stay far below; digests made to collide would cost quadratic time. */
const MAX_PROBES = 1024;
const KIND = { chunk: 1, zero: 2, dontCare: 3 } as const;

/** The one encoding of a manifest; throws `DecodeError` when the manifest breaks a rule. */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const facts = manifest.partitions === undefined ? new Uint8Array() : encodePartitionFacts(manifest.partitions);
  const { table, digests } = encodeExtents(manifest.extents);
  const writer = new Writer(HEADER_BYTES + facts.length + table.length + digests.length + END_MAGIC.length);
  writer.ascii(MAGIC).u16(manifest.formatVersion).u16(0).u32(manifest.sectorBytes).u64(BigInt(manifest.sizeBytes));
  writer
    .u32(facts.length)
    .u32(manifest.extents.length)
    .u32(digests.length / DIGEST_BYTES);
  const bytes = writer.bytes(facts).bytes(table).bytes(digests).ascii(END_MAGIC).finish();
  // The decoder holds every rule; what it would refuse is never given out.
  const decoded = decodeManifest(bytes);
  for (const [i, { offset }] of manifest.extents.entries()) {
    const expected = decoded.extents[i]?.offset;
    if (offset !== expected) throw invalid(`extent ${i}: offset ${offset}, expected ${expected} (no gaps)`, 0);
  }
  return bytes;
}

/** Both tables in one go each: a 40 GB image has 160 000 extents, and the event loop waits. */
function encodeExtents(extents: readonly Extent[]): { table: Uint8Array; digests: Uint8Array } {
  const view = new DataView(new ArrayBuffer(extents.length * EXTENT_BYTES));
  const hex: string[] = [];
  for (const [i, extent] of extents.entries()) {
    const sectors = extent.length / SECTOR_BYTES;
    if (!Number.isInteger(sectors)) throw invalid(`extent ${i}: ${extent.length} bytes are no whole sectors`, 0);
    view.setUint32(i * EXTENT_BYTES, KIND[extent.kind] * 2 ** 24 + Math.floor(sectors / 2 ** 32));
    view.setUint32(i * EXTENT_BYTES + 4, sectors % 2 ** 32);
    if (extent.kind === "chunk") hex.push(extent.digest);
  }
  return { table: new Uint8Array(view.buffer), digests: Uint8Array.fromHex(hex.join("")) };
}

/** The id of a manifest: SHA-256 of its encoding. */
export function manifestIdOf(encoded: Uint8Array): Digest {
  return sha256(encoded);
}

/** Strict inverse of `encodeManifest`; throws `DecodeError`. The result does not refer to `bytes`. */
export function decodeManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > MAX_MANIFEST_BYTES) {
    throw invalid(`${bytes.length} bytes, expected at most ${MAX_MANIFEST_BYTES}`, 0);
  }
  const reader = new Reader(bytes, "manifest");
  expectAscii(reader, MAGIC);
  const version = reader.u16();
  if (version !== 1) reader.fail(`version ${version}, expected 1`);
  if (reader.u16() !== 0) reader.fail("expected two zero bytes");
  const sectorBytes = reader.u32();
  if (sectorBytes !== SECTOR_BYTES) reader.fail(`sector size ${sectorBytes}, expected ${SECTOR_BYTES}`);
  const size = reader.u64();
  if (size === 0n || size > BigInt(MAX_IMAGE_BYTES) || size % BigInt(SECTOR_BYTES) !== 0n) {
    reader.fail(`image size ${size}, expected a multiple of ${SECTOR_BYTES} up to ${MAX_IMAGE_BYTES}`);
  }
  const sizeBytes = Number(size);
  const factsBytes = reader.u32();
  if (factsBytes > MAX_PARTITION_FACTS_BYTES) reader.fail(`partition facts of ${factsBytes} bytes`);
  const extentCount = reader.u32();
  if (extentCount === 0 || extentCount > MAX_EXTENTS)
    reader.fail(`${extentCount} extents, expected 1 … ${MAX_EXTENTS}`);
  const chunkCount = reader.u32();
  if (chunkCount > extentCount) reader.fail(`${chunkCount} chunks in ${extentCount} extents`);
  const partitions = factsBytes === 0 ? undefined : decodePartitionFacts(reader.bytes(factsBytes));
  const table = reader.bytes(extentCount * EXTENT_BYTES);
  const digests = reader.bytes(chunkCount * DIGEST_BYTES);
  expectAscii(reader, END_MAGIC);
  reader.end();
  const extents = decodeExtents(table, digests, sizeBytes);
  return { formatVersion: 1, sizeBytes, sectorBytes: SECTOR_BYTES, partitions, extents };
}

function decodeExtents(table: Uint8Array, digests: Uint8Array, sizeBytes: number): Extent[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const hex = digests.toHex();
  const lengths = new Float64Array(digests.length / DIGEST_BYTES);
  const extents: Extent[] = [];
  let offset = 0;
  let chunk = 0;
  let previous = 0;
  for (let at = 0; at < table.length; at += EXTENT_BYTES) {
    const head = view.getUint32(at);
    const kind = head >>> 24;
    const length = ((head & 0xff_ffff) * 2 ** 32 + view.getUint32(at + 4)) * SECTOR_BYTES;
    if (length === 0 || length > sizeBytes - offset) {
      throw invalid(`extent of ${length} bytes at ${offset}, expected 512 … ${sizeBytes - offset}`, at);
    }
    if (kind === KIND.chunk) {
      if (length > MAX_CHUNK_BYTES) throw invalid(`chunk of ${length} bytes, expected at most ${MAX_CHUNK_BYTES}`, at);
      if ((chunk + 1) * DIGEST_BYTES > digests.length) throw invalid("more chunk extents than digests", at);
      const digest = hex.slice(chunk * 64, chunk * 64 + 64) as Digest;
      lengths[chunk++] = length;
      extents.push({ kind: "chunk", offset, length, digest });
    } else if (kind === KIND.zero || kind === KIND.dontCare) {
      if (kind === previous) throw invalid("two extents of the same empty kind in a row", at);
      extents.push({ kind: kind === KIND.zero ? "zero" : "dontCare", offset, length });
    } else {
      throw invalid(`extent kind ${kind}, expected 1, 2 or 3`, at);
    }
    previous = kind;
    offset += length;
  }
  if (offset !== sizeBytes) throw invalid(`extents cover ${offset} bytes, the image has ${sizeBytes}`, 16);
  if (chunk * DIGEST_BYTES !== digests.length) throw invalid(`${chunk} chunk extents, more digests`, 32);
  refuseTwoLengths(digests, lengths);
  return extents;
}

/** The same digest always has the same length. An open-addressing table: a `Map` of 160 000 digests takes ten times as long. */
function refuseTwoLengths(digests: Uint8Array, lengths: Float64Array): void {
  const view = new DataView(digests.buffer, digests.byteOffset, digests.byteLength);
  const mask = 2 ** Math.ceil(Math.log2(lengths.length * 2 + 1)) - 1;
  const slots = new Uint32Array(mask + 1);
  for (let chunk = 0; chunk < lengths.length; chunk++) {
    let slot = view.getUint32(chunk * DIGEST_BYTES) & mask;
    for (let probes = 0; ; probes++) {
      if (probes > MAX_PROBES) throw invalid(`chunk ${chunk}: too many digests that begin alike`, 0);
      const other = (slots[slot] ?? 0) - 1;
      if (other < 0) {
        slots[slot] = chunk + 1;
        break;
      }
      if (sameDigest(view, chunk, other)) {
        if (lengths[other] !== lengths[chunk])
          throw invalid(`chunks ${other} and ${chunk}: one digest, two lengths`, 0);
        break;
      }
      slot = (slot + 1) & mask;
    }
  }
}

function sameDigest(view: DataView, a: number, b: number): boolean {
  for (let at = 0; at < DIGEST_BYTES; at += 4) {
    if (view.getUint32(a * DIGEST_BYTES + at) !== view.getUint32(b * DIGEST_BYTES + at)) return false;
  }
  return true;
}

function expectAscii(reader: Reader, text: string): void {
  const got = new TextDecoder("latin1").decode(reader.bytes(text.length));
  if (got !== text) reader.fail(`magic ${JSON.stringify(got)}, expected ${text}`);
}

function invalid(message: string, offset: number): DecodeError {
  return new DecodeError("invalid", message, { what: "manifest", offset });
}
