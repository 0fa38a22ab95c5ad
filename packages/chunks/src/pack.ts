import { Reader, Writer, crc32c } from "@ingot/wire";
import { DIGEST_BYTES, digestFromBytes } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { MAX_CHUNK_BYTES, MAX_PACK_BYTES, MAX_PACK_ENTRIES, SECTOR_BYTES } from "./limits.ts";

/** How a chunk's bytes stand in a pack. */
export const Codec = { stored: 0, zstd: 1 } as const;
/** One of the values of `Codec`. */
export type Codec = (typeof Codec)[keyof typeof Codec];

/** One line of a pack's table: a chunk and how it is stored. */
export interface PackEntry {
  readonly digest: Digest;
  readonly codec: Codec;
  /** Byte offset of the payload in the pack file. */
  readonly offset: number;
  /** Bytes of the payload. */
  readonly storedLength: number;
  /** Bytes of the chunk. */
  readonly plainLength: number;
}

/** Bytes before the first payload. */
export const PACK_HEADER_BYTES = 16;
/** Bytes of one table entry. */
export const PACK_ENTRY_BYTES = 40;
/** Bytes after the table. */
export const PACK_FOOTER_BYTES = 16;

const MAGIC = "INGOTPAK";
const END_MAGIC = "INGOTEND";
const VERSION = 1;

/**
 * Collects compressed chunks until a pack is full.
 *
 * ```
 * header 16 | payloads | table 40 × n | n, CRC-32C, magic: 16      docs/formats/pack.md
 * ```
 */
export class PackBuilder {
  readonly #payloads: Uint8Array[] = [];
  readonly #entries: PackEntry[] = [];
  #payloadBytes = 0;

  get entries(): readonly PackEntry[] {
    return this.#entries;
  }

  /** Whether another chunk of that stored length keeps the file within its limits. */
  hasRoomFor(storedLength: number): boolean {
    const count = this.#entries.length + 1;
    return count <= MAX_PACK_ENTRIES && packFileBytes(this.#payloadBytes + storedLength, count) <= MAX_PACK_BYTES;
  }

  /** Adds a chunk; `payload` is kept, not copied. The caller asked `hasRoomFor` first, and adds no digest twice. */
  add(digest: Digest, codec: Codec, payload: Uint8Array, plainLength: number): void {
    const offset = PACK_HEADER_BYTES + this.#payloadBytes;
    this.#entries.push({ digest, codec, offset, storedLength: payload.length, plainLength });
    this.#payloads.push(payload);
    this.#payloadBytes += payload.length;
  }

  /** The whole file. Throws `DecodeError` if what it built is not a valid pack. */
  finish(): Uint8Array<ArrayBuffer> {
    const table = encodePackTable(this.#entries);
    const writer = new Writer(packFileBytes(this.#payloadBytes, this.#entries.length));
    writer.ascii(MAGIC).u32(VERSION).u32(0);
    for (const payload of this.#payloads) writer.bytes(payload);
    writer.bytes(table).u32(this.#entries.length).u32(crc32c(table)).ascii(END_MAGIC);
    const bytes = writer.finish();
    decodePack(bytes);
    return bytes;
  }
}

/** Size of a pack file with so many payload bytes and entries. */
export function packFileBytes(payloadBytes: number, entryCount: number): number {
  return PACK_HEADER_BYTES + payloadBytes + entryCount * PACK_ENTRY_BYTES + PACK_FOOTER_BYTES;
}

/** The table alone, as packs and index segments hold it. */
export function encodePackTable(entries: readonly PackEntry[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer(entries.length * PACK_ENTRY_BYTES);
  for (const entry of entries) {
    writer.bytes(Uint8Array.fromHex(entry.digest)).u8(entry.codec).u24(entry.storedLength).u8(0).u24(entry.plainLength);
  }
  return writer.finish();
}

/** Strict: throws `DecodeError` on anything `docs/formats/pack.md` does not allow. */
export function decodePackTable(table: Uint8Array): PackEntry[] {
  const reader = new Reader(table, "pack table");
  const seen = new Set<string>();
  const entries: PackEntry[] = [];
  let offset = PACK_HEADER_BYTES;
  while (reader.remaining > 0) {
    const digest = digestFromBytes(reader.bytes(DIGEST_BYTES));
    const codec = reader.u8();
    const storedLength = reader.u24();
    if (reader.u8() !== 0) reader.fail("expected a zero byte");
    const plainLength = reader.u24();
    if (plainLength === 0 || plainLength > MAX_CHUNK_BYTES || plainLength % SECTOR_BYTES !== 0) {
      reader.fail(`plain length ${plainLength}, expected a multiple of ${SECTOR_BYTES} up to ${MAX_CHUNK_BYTES}`);
    }
    if (codec !== Codec.stored && codec !== Codec.zstd) return reader.fail(`codec ${codec}, expected 0 or 1`);
    const lengthFits = codec === Codec.stored ? storedLength === plainLength : storedLength < plainLength;
    if (storedLength === 0 || !lengthFits) {
      reader.fail(`stored length ${storedLength} of ${plainLength} bytes does not fit codec ${codec}`);
    }
    if (seen.has(digest)) reader.fail(`chunk ${digest} twice`);
    seen.add(digest);
    entries.push({ digest, codec, offset, storedLength, plainLength });
    offset += storedLength;
  }
  return entries;
}

/** What the last bytes of a pack file say. */
export interface PackFooter {
  readonly entryCount: number;
  readonly tableCrc32c: number;
  /** Where the table begins in the file. */
  readonly tableOffset: number;
}

/** Decodes the last 16 bytes of a pack file of `fileBytes` bytes; throws `DecodeError`. */
export function decodePackFooter(footer: Uint8Array, fileBytes: number): PackFooter {
  const reader = new Reader(footer, "pack footer");
  const entryCount = reader.u32();
  const tableCrc32c = reader.u32();
  expectAscii(reader, END_MAGIC);
  reader.end();
  if (entryCount === 0 || entryCount > MAX_PACK_ENTRIES) {
    reader.fail(`${entryCount} entries, expected 1 … ${MAX_PACK_ENTRIES}`);
  }
  if (fileBytes > MAX_PACK_BYTES || fileBytes < packFileBytes(entryCount, entryCount)) {
    reader.fail(`file of ${fileBytes} bytes with ${entryCount} entries`);
  }
  return {
    entryCount,
    tableCrc32c,
    tableOffset: fileBytes - PACK_FOOTER_BYTES - entryCount * PACK_ENTRY_BYTES,
  };
}

/** Checks the table's bytes against the footer, and decodes it; throws `DecodeError`. */
export function decodeFooterTable(table: Uint8Array, footer: PackFooter): PackEntry[] {
  const reader = new Reader(table, "pack table");
  const crc = crc32c(table);
  if (crc !== footer.tableCrc32c) reader.fail(`CRC-32C ${crc}, expected ${footer.tableCrc32c}`);
  const entries = decodePackTable(table);
  const last = entries.at(-1);
  const end = last === undefined ? PACK_HEADER_BYTES : last.offset + last.storedLength;
  if (end !== footer.tableOffset) reader.fail(`payloads end at ${end}, the table begins at ${footer.tableOffset}`);
  return entries;
}

/** Checks the first 16 bytes of a pack file; throws `DecodeError`. */
export function decodePackHeader(header: Uint8Array): void {
  const reader = new Reader(header, "pack header");
  expectAscii(reader, MAGIC);
  const version = reader.u32();
  if (version !== VERSION) reader.fail(`version ${version}, expected ${VERSION}`);
  if (reader.u32() !== 0) reader.fail("expected four zero bytes");
  reader.end();
}

/** The entries of a whole pack file in memory; throws `DecodeError`. Payloads are not verified here. */
export function decodePack(bytes: Uint8Array): PackEntry[] {
  const reader = new Reader(bytes, "pack");
  decodePackHeader(reader.bytes(PACK_HEADER_BYTES));
  reader.skip(Math.max(0, reader.remaining - PACK_FOOTER_BYTES));
  const footer = decodePackFooter(reader.bytes(PACK_FOOTER_BYTES), bytes.length);
  return decodeFooterTable(bytes.subarray(footer.tableOffset, bytes.length - PACK_FOOTER_BYTES), footer);
}

function expectAscii(reader: Reader, text: string): void {
  const got = new TextDecoder("latin1").decode(reader.bytes(text.length));
  if (got !== text) reader.fail(`magic ${JSON.stringify(got)}, expected ${text}`);
}
