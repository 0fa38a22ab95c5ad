import { Reader, Writer } from "@ingot/wire";
import { DIGEST_BYTES, digestFromBytes } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { MAX_PACK_ENTRIES, MAX_SEGMENT_BYTES, MAX_SEGMENT_PACKS } from "./limits.ts";
import { PACK_ENTRY_BYTES, decodePackTable, encodePackTable } from "./pack.ts";
import type { PackEntry } from "./pack.ts";

/** A pack and what its table says. */
export interface PackTable {
  readonly pack: Digest;
  readonly entries: readonly PackEntry[];
}

/** An index segment: the tables of some packs. `docs/formats/index.md` */
export interface IndexSegment {
  /** Segments are read in this order; what is read later wins. */
  readonly sequence: number;
  readonly packs: readonly PackTable[];
}

const MAGIC = "INGOTIDX";
const END_MAGIC = "INGOTEND";
const VERSION = 1;
const HEADER_BYTES = 24;
const PACK_LINE_BYTES = DIGEST_BYTES + 4;

/** The bytes of a segment; they were decoded again. Throws `DecodeError` when the segment breaks a rule. */
export function encodeIndexSegment(segment: IndexSegment): Uint8Array<ArrayBuffer> {
  const entryCount = segment.packs.reduce((count, pack) => count + pack.entries.length, 0);
  const bodyBytes = segment.packs.length * PACK_LINE_BYTES + entryCount * PACK_ENTRY_BYTES;
  const writer = new Writer(HEADER_BYTES + bodyBytes + END_MAGIC.length);
  writer.ascii(MAGIC).u32(VERSION).u32(segment.packs.length).u64(BigInt(segment.sequence));
  for (const { pack, entries } of segment.packs) {
    writer.bytes(Uint8Array.fromHex(pack)).u32(entries.length).bytes(encodePackTable(entries));
  }
  const bytes = writer.ascii(END_MAGIC).finish();
  decodeIndexSegment(bytes);
  return bytes;
}

/** The version of a segment, for telling "not ours yet" from "damaged"; `undefined` when it is no segment at all. */
export function indexSegmentVersion(bytes: Uint8Array): number | undefined {
  if (bytes.length < 12 || new TextDecoder("latin1").decode(bytes.subarray(0, 8)) !== MAGIC) return undefined;
  const reader = new Reader(bytes, "index segment");
  reader.skip(8);
  return reader.u32();
}

/** Strict inverse of `encodeIndexSegment`; throws `DecodeError`. */
export function decodeIndexSegment(bytes: Uint8Array): IndexSegment {
  const reader = new Reader(bytes, "index segment");
  if (bytes.length > MAX_SEGMENT_BYTES) reader.fail(`${bytes.length} bytes, expected at most ${MAX_SEGMENT_BYTES}`);
  expectAscii(reader, MAGIC);
  const version = reader.u32();
  if (version !== VERSION) reader.fail(`version ${version}, expected ${VERSION}`);
  const packCount = reader.u32();
  if (packCount === 0 || packCount > MAX_SEGMENT_PACKS) {
    reader.fail(`${packCount} packs, expected 1 … ${MAX_SEGMENT_PACKS}`);
  }
  const sequence = reader.u64();
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) reader.fail(`sequence number ${sequence}`);
  const seen = new Set<string>();
  const packs: PackTable[] = [];
  for (let i = 0; i < packCount; i++) {
    const pack = digestFromBytes(reader.bytes(DIGEST_BYTES));
    if (seen.has(pack)) reader.fail(`pack ${pack} twice`);
    seen.add(pack);
    const entryCount = reader.u32();
    if (entryCount === 0 || entryCount > MAX_PACK_ENTRIES) {
      reader.fail(`${entryCount} entries, expected 1 … ${MAX_PACK_ENTRIES}`);
    }
    packs.push({ pack, entries: decodePackTable(reader.bytes(entryCount * PACK_ENTRY_BYTES)) });
  }
  expectAscii(reader, END_MAGIC);
  reader.end();
  return { sequence: Number(sequence), packs };
}

function expectAscii(reader: Reader, text: string): void {
  const got = new TextDecoder("latin1").decode(reader.bytes(text.length));
  if (got !== text) reader.fail(`magic ${JSON.stringify(got)}, expected ${text}`);
}
