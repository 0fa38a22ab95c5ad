import { type ByteReader, hasText, readBytes } from "./byte-reader.ts";
import { MAP_PIECE_BYTES } from "./limits.ts";
import { applyFixups, attributesOf, type NtfsAttribute } from "./ntfs-record.ts";

const BOOT_BYTES = 512;
const RECORD_IN_USE = 1;

/** An NTFS volume of which only records in the first clusters of its file table are read. */
export class NtfsVolume {
  readonly clusterBytes: number;
  readonly clusterCount: number;
  readonly indexBytes: number;
  readonly #reader: ByteReader;
  readonly #fileTableOffset: number;
  readonly #recordBytes: number;

  private constructor(reader: ByteReader, boot: Uint8Array, clusterBytes: number) {
    const view = new DataView(boot.buffer, boot.byteOffset, boot.byteLength);
    this.#reader = reader;
    this.clusterBytes = clusterBytes;
    const sectors = Number(view.getBigUint64(0x28, true));
    this.clusterCount = Math.floor((sectors * view.getUint16(0xb, true)) / clusterBytes);
    this.#fileTableOffset = Number(view.getBigUint64(0x30, true)) * clusterBytes;
    this.#recordBytes = sizeFrom(view.getInt8(0x40), clusterBytes);
    this.indexBytes = sizeFrom(view.getInt8(0x44), clusterBytes);
  }

  /** Undefined when there is no NTFS; a reason when its boot sector makes no sense. */
  static async open(reader: ByteReader): Promise<NtfsVolume | { reason: string } | undefined> {
    if (reader.sizeBytes < BOOT_BYTES) return undefined;
    const boot = await readBytes(reader, 0, BOOT_BYTES);
    if (!hasText(boot, 3, "NTFS    ")) return undefined;
    const view = new DataView(boot.buffer);
    const sectorBytes = view.getUint16(0xb, true);
    const perCluster = boot[0xd] ?? 0;
    // Above 0x80 it is a power of two, for clusters larger than 64 KiB.
    const clusterBytes = sectorBytes * (perCluster > 0x80 ? 2 ** (256 - perCluster) : perCluster);
    const isPlausible = sectorBytes >= 512 && sectorBytes <= 4096 && clusterBytes >= 512 && clusterBytes <= 2 ** 21;
    if (!isPlausible || !Number.isInteger(Math.log2(clusterBytes)))
      return { reason: "ntfs: its boot sector makes no sense" };
    const volume = new NtfsVolume(reader, boot, clusterBytes);
    const { clusterCount, indexBytes } = volume;
    const isFitting =
      clusterCount > 0 &&
      clusterCount * clusterBytes <= reader.sizeBytes &&
      [1024, 2048, 4096].includes(volume.#recordBytes) &&
      indexBytes >= 512 &&
      indexBytes <= 2 ** 16;
    return isFitting ? volume : { reason: "ntfs: its boot sector does not fit the partition" };
  }

  /** The attributes of one of the first 16 file records, which are always in one piece; undefined when it is damaged. */
  async attributes(record: number): Promise<NtfsAttribute[] | undefined> {
    const offset = this.#fileTableOffset + record * this.#recordBytes;
    if (offset + this.#recordBytes > this.#reader.sizeBytes) return undefined;
    return this.#recordAt(offset);
  }

  /** The attributes of any file by a directory's reference to it, by way of the file table's own runs. Undefined when they are not those of that file any more. */
  async attributesOfFile(reference: bigint, fileTable: NtfsAttribute): Promise<NtfsAttribute[] | undefined> {
    // The upper 16 bits count how often the record was used anew.
    const record = Number(reference & 0xffff_ffff_ffffn);
    const bytes = await this.readPart(fileTable, record * this.#recordBytes, this.#recordBytes);
    if (bytes === undefined || !applyFixups(bytes, "FILE")) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isThat = view.getUint16(0x10, true) === Number(reference >> 48n);
    return isThat && (view.getUint16(0x16, true) & RECORD_IN_USE) !== 0 ? attributesOf(bytes) : undefined;
  }

  /** A part of an attribute's content, which is to be short; undefined when it is not wholly there. */
  async readPart(attribute: NtfsAttribute, offset: number, length: number): Promise<Uint8Array | undefined> {
    if (length > MAP_PIECE_BYTES || offset + length > attribute.sizeBytes) return undefined;
    if (attribute.resident !== undefined) return attribute.resident.slice(offset, offset + length);
    const bytes = new Uint8Array(length);
    let start = 0;
    let covered = 0;
    for (const { cluster, count } of attribute.runs) {
      const end = start + count * this.clusterBytes;
      const from = Math.max(start, offset);
      const to = Math.min(end, offset + length);
      if (from < to) {
        covered += to - from;
        if (cluster !== undefined) {
          const at = cluster * this.clusterBytes + from - start;
          if (at + to - from > this.#reader.sizeBytes) return undefined;
          await this.#reader.read(at, bytes.subarray(from - offset, to - offset));
        }
      }
      start = end;
    }
    return covered === length ? bytes : undefined;
  }

  async #recordAt(offset: number): Promise<NtfsAttribute[] | undefined> {
    const bytes = await readBytes(this.#reader, offset, this.#recordBytes);
    return applyFixups(bytes, "FILE") ? attributesOf(bytes) : undefined;
  }
}

/** Positive: clusters. Negative: the power of two of bytes. */
function sizeFrom(value: number, clusterBytes: number): number {
  return value > 0 ? value * clusterBytes : 2 ** -value;
}
