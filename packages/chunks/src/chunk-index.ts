import { digestFromBytes } from "./digest.ts";
import type { Digest } from "./digest.ts";
import type { PackTable } from "./index-segment.ts";
import { SECTOR_BYTES } from "./limits.ts";
import { packFileBytes } from "./pack.ts";
import type { Codec, PackEntry } from "./pack.ts";

/** Where a chunk is. */
export interface ChunkLocation extends PackEntry {
  readonly pack: Digest;
  /** Number of the pack in this index. */
  readonly packNumber: number;
}

/** What the index knows of a pack. */
export interface IndexedPack {
  readonly pack: Digest;
  readonly entryCount: number;
  readonly fileBytes: number;
}

const PAGE_RECORDS = 2 ** 14;
/** Words of a record: digest 8, pack number, offset with the codec in the top bit, stored length and plain sectors. */
const RECORD_WORDS = 11;
const PACK_WORD = 8;
const PLACE_WORD = 9;
const LENGTH_WORD = 10;
const CODEC_SHIFT = 31;
/** Plain length in sectors minus one: 0 … 2047. The stored length, at most 2^20, has the other 21 bits. */
const PLAIN_BITS = 11;
const INITIAL_SLOTS = 2 ** 10;
const CODE_0 = 0x30;
const CODE_A = 0x61;

/**
 * The index in memory: 44 bytes per chunk in pages of 16 384 records, found through an open-addressing table of record numbers
 * that is at most 3/4 full. Ten million chunks take about 510 MB, the 160 000 of a 40 GB image 8 MB.
 * Packs can only be added; whoever drops some builds a new index from the tables that stay.
 */
export class ChunkIndex {
  readonly #pages: Uint32Array[] = [];
  /** Record number + 1; 0 is free. */
  #slots: Uint32Array = new Uint32Array(INITIAL_SLOTS);
  #count = 0;
  /** The digest that is being looked for. */
  readonly #wanted = new Uint32Array(8);
  readonly #packs: IndexedPack[] = [];
  readonly #packNumbers = new Map<Digest, number>();

  /** Chunks. */
  get size(): number {
    return this.#count;
  }

  get packs(): readonly IndexedPack[] {
    return this.#packs;
  }

  hasPack(pack: Digest): boolean {
    return this.#packNumbers.has(pack);
  }

  /** Adds a pack that is not there yet; where a chunk is known already, the new place wins. */
  addPack({ pack, entries }: PackTable): void {
    if (this.#packNumbers.has(pack)) return;
    const packNumber = this.#packs.length;
    const storedBytes = entries.reduce((sum, entry) => sum + entry.storedLength, 0);
    this.#packs.push({ pack, entryCount: entries.length, fileBytes: packFileBytes(storedBytes, entries.length) });
    this.#packNumbers.set(pack, packNumber);
    for (const entry of entries) this.#set(packNumber, entry);
  }

  /** Record number of a chunk, 0 … size - 1, or -1. Stable for the life of this index. */
  recordOf(digest: Digest): number {
    readDigest(digest, this.#wanted);
    return (this.#slots[this.#slotOf(this.#wanted)] ?? 0) - 1;
  }

  /** Where the chunk is. */
  find(digest: Digest): ChunkLocation | undefined {
    const record = this.recordOf(digest);
    return record < 0 ? undefined : this.locationAt(record);
  }

  /** The chunks that this index looks for in a pack. A look at every record. */
  *chunksOf(pack: Digest): Generator<Digest, void, undefined> {
    const packNumber = this.#packNumbers.get(pack);
    for (let record = 0; record < this.#count; record++) {
      const page = this.#pageOf(record);
      const at = (record % PAGE_RECORDS) * RECORD_WORDS;
      if (page[at + PACK_WORD] === packNumber) yield digestOf(page, at);
    }
  }

  /** The place of record number `record`. */
  locationAt(record: number): ChunkLocation {
    const page = this.#pageOf(record);
    const at = (record % PAGE_RECORDS) * RECORD_WORDS;
    const packNumber = page[at + PACK_WORD] ?? 0;
    const place = page[at + PLACE_WORD] ?? 0;
    const lengths = page[at + LENGTH_WORD] ?? 0;
    const indexed = this.#packs[packNumber];
    if (indexed === undefined) throw new RangeError(`record ${record}: no pack ${packNumber}`);
    return {
      digest: digestOf(page, at),
      pack: indexed.pack,
      packNumber,
      codec: (place >>> CODEC_SHIFT) as Codec,
      offset: place & 0x7fff_ffff,
      storedLength: lengths >>> PLAIN_BITS,
      plainLength: ((lengths & (2 ** PLAIN_BITS - 1)) + 1) * SECTOR_BYTES,
    };
  }

  #set(packNumber: number, entry: PackEntry): void {
    const words = this.#wanted;
    readDigest(entry.digest, words);
    let slot = this.#slotOf(words);
    let record = (this.#slots[slot] ?? 0) - 1;
    if (record < 0) {
      if ((this.#count + 1) * 4 > this.#slots.length * 3) {
        this.#growSlots();
        slot = this.#slotOf(words);
      }
      record = this.#count++;
      this.#slots[slot] = record + 1;
      if (record % PAGE_RECORDS === 0) this.#pages.push(new Uint32Array(PAGE_RECORDS * RECORD_WORDS));
    }
    const page = this.#pageOf(record);
    const at = (record % PAGE_RECORDS) * RECORD_WORDS;
    page.set(words, at);
    page[at + PACK_WORD] = packNumber;
    page[at + PLACE_WORD] = ((entry.codec << CODEC_SHIFT) | entry.offset) >>> 0;
    page[at + LENGTH_WORD] = ((entry.storedLength << PLAIN_BITS) | (entry.plainLength / SECTOR_BYTES - 1)) >>> 0;
  }

  /** The slot of the digest, or the free one where it belongs. A digest's first word is hash enough. */
  #slotOf(words: Uint32Array): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (words[0] ?? 0) & mask;
    for (;;) {
      const record = (slots[slot] ?? 0) - 1;
      if (record < 0) return slot;
      const page = this.#pageOf(record);
      const at = (record % PAGE_RECORDS) * RECORD_WORDS;
      let word = 0;
      while (word < 8 && page[at + word] === words[word]) word++;
      if (word === 8) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #pageOf(record: number): Uint32Array {
    const page = this.#pages[Math.floor(record / PAGE_RECORDS)];
    if (page === undefined) throw new RangeError(`record ${record}: the index has ${this.#count}`);
    return page;
  }

  #growSlots(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let record = 0; record < this.#count; record++) {
      const page = this.#pageOf(record);
      let slot = (page[(record % PAGE_RECORDS) * RECORD_WORDS] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = record + 1;
    }
    this.#slots = slots;
  }
}

/** The digest as eight words, its first hex digits in the top bits of the first: 64 steps, and nothing allocated. */
function readDigest(digest: Digest, words: Uint32Array): void {
  for (let word = 0; word < 8; word++) {
    let value = 0;
    for (let i = word * 8; i < word * 8 + 8; i++) {
      const code = digest.charCodeAt(i);
      value = (value << 4) | (code < CODE_A ? code - CODE_0 : code - CODE_A + 10);
    }
    words[word] = value;
  }
}

function digestOf(page: Uint32Array, at: number): Digest {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 8; i++) view.setUint32(i * 4, page[at + i] ?? 0);
  return digestFromBytes(bytes);
}
