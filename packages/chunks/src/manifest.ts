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
const KIND = { chunk: 1, zero: 2, dontCare: 3 } as const;

/** The one encoding of a manifest; throws `DecodeError` when the manifest breaks a rule. */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const facts = manifest.partitions === undefined ? new Uint8Array() : encodePartitionFacts(manifest.partitions);
  const chunkCount = manifest.extents.reduce((count, extent) => count + (extent.kind === "chunk" ? 1 : 0), 0);
  const extentTable = manifest.extents.length * EXTENT_BYTES;
  const writer = new Writer(HEADER_BYTES + facts.length + extentTable + chunkCount * DIGEST_BYTES + END_MAGIC.length);
  writer.ascii(MAGIC).u16(manifest.formatVersion).u16(0).u32(manifest.sectorBytes).u64(BigInt(manifest.sizeBytes));
  writer.u32(facts.length).u32(manifest.extents.length).u32(chunkCount).bytes(facts);
  for (const extent of manifest.extents) {
    const sectors = extent.length / SECTOR_BYTES;
    writer.u8(KIND[extent.kind]).u24(Math.floor(sectors / 2 ** 32));
    writer.u32(sectors % 2 ** 32);
  }
  for (const extent of manifest.extents) {
    if (extent.kind === "chunk") writer.bytes(Uint8Array.fromHex(extent.digest));
  }
  const bytes = writer.ascii(END_MAGIC).finish();
  // The decoder holds every rule; what it would refuse is never given out.
  const decoded = decodeManifest(bytes);
  for (const [i, { offset }] of manifest.extents.entries()) {
    const expected = decoded.extents[i]?.offset;
    if (offset !== expected) throw invalid(`extent ${i}: offset ${offset}, expected ${expected} (no gaps)`, 0);
  }
  return bytes;
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
  const reader = new Reader(table, "manifest extents");
  const hex = digests.toHex();
  const lengths = new Map<string, number>();
  const extents: Extent[] = [];
  let offset = 0;
  let chunk = 0;
  let previous = 0;
  while (reader.remaining > 0) {
    const kind = reader.u8();
    const length = (reader.u24() * 2 ** 32 + reader.u32()) * SECTOR_BYTES;
    if (length === 0 || length > sizeBytes - offset) {
      reader.fail(`extent of ${length} bytes at ${offset}, expected 512 … ${sizeBytes - offset}`);
    }
    if (kind === KIND.chunk) {
      if (length > MAX_CHUNK_BYTES) reader.fail(`chunk of ${length} bytes, expected at most ${MAX_CHUNK_BYTES}`);
      if ((chunk + 1) * DIGEST_BYTES > digests.length) reader.fail("more chunk extents than digests");
      const digest = hex.slice(chunk * 64, chunk * 64 + 64) as Digest;
      chunk++;
      if ((lengths.get(digest) ?? length) !== length) reader.fail(`chunk ${digest} has two lengths`);
      lengths.set(digest, length);
      extents.push({ kind: "chunk", offset, length, digest });
    } else if (kind === KIND.zero || kind === KIND.dontCare) {
      if (kind === previous) reader.fail("two extents of the same empty kind in a row");
      extents.push({ kind: kind === KIND.zero ? "zero" : "dontCare", offset, length });
    } else {
      reader.fail(`extent kind ${kind}, expected 1, 2 or 3`);
    }
    previous = kind;
    offset += length;
  }
  if (offset !== sizeBytes) throw invalid(`extents cover ${offset} bytes, the image has ${sizeBytes}`, 16);
  if (chunk * DIGEST_BYTES !== digests.length) throw invalid(`${chunk} chunk extents, more digests`, 32);
  return extents;
}

function expectAscii(reader: Reader, text: string): void {
  const got = new TextDecoder("latin1").decode(reader.bytes(text.length));
  if (got !== text) reader.fail(`magic ${JSON.stringify(got)}, expected ${text}`);
}

function invalid(message: string, offset: number): DecodeError {
  return new DecodeError("invalid", message, { what: "manifest", offset });
}
