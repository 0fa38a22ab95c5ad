import { Writer } from "@ingot/wire";
import { describe, expect, it } from "vitest";
import { crc32 } from "./crc32.ts";
import { decodePartitionFacts, encodePartitionFacts } from "./partition-facts.ts";
import { parsePartitionTable } from "./partitions.ts";
import type { PartitionFacts } from "./partitions.ts";

/** An MBR with these entries: status, type, first LBA, sectors. */
function mbrOf(...entries: readonly (readonly [number, number, number, number])[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer(512);
  writer.zeros(440).u32LE(0xcafe0001).zeros(2);
  for (const [status, type, first, count] of entries) {
    writer.u8(status).zeros(3).u8(type).zeros(3).u32LE(first).u32LE(count);
  }
  return writer
    .zeros(510 - writer.length)
    .u16(0x55aa)
    .finish();
}

const PROTECTIVE = [0, 0xee, 1, 0xffff_ffff] as const;
const EFI_SYSTEM = "28732ac11ff8d211ba4b00a0c93ec93b"; // c12a7328-f81f-11d2-ba4b-00a0c93ec93b as stored
const LINUX = "af3dc60f838472478e793d69d8477de4"; // 0fc63daf-8483-4772-8e79-3d69d8477de4 as stored

/** A GPT disk's first MiB: header in sector 1, table of 128 entries from sector 2 on. */
function gptDisk(change: (disk: Uint8Array) => void = () => undefined, keepCrcs = false): Uint8Array {
  const table = new Writer(128 * 128);
  table.bytes(Uint8Array.fromHex(EFI_SYSTEM)).zeros(16).u64LE(2048n).u64LE(4095n).u64LE(0n);
  table.bytes(utf16("EFI system")).zeros(128);
  table.bytes(Uint8Array.fromHex(LINUX)).zeros(16).u64LE(4096n).u64LE(8191n).u64LE(4n);
  table.bytes(utf16("root 日本")).zeros(128 * 128 - 3 * 128);
  const disk = new Uint8Array(2 ** 20);
  disk.set(mbrOf(PROTECTIVE));
  disk.set(table.finish(), 1024);
  const header = new Writer(92);
  header.ascii("EFI PART").u32LE(0x10000).u32LE(92).u32LE(0).zeros(4);
  header.u64LE(1n).u64LE(8226n).u64LE(34n).u64LE(8193n);
  header.bytes(Uint8Array.fromHex("000102030405060708090a0b0c0d0e0f")).u64LE(2n).u32LE(128).u32LE(128);
  disk.set(header.u32LE(0).finish(), 512);
  if (!keepCrcs) change(disk);
  const view = new DataView(disk.buffer);
  view.setUint32(512 + 88, crc32(disk.subarray(1024, 1024 + 128 * 128)), true);
  view.setUint32(512 + 16, crc32(disk.subarray(512, 512 + 92)), true);
  if (keepCrcs) change(disk);
  return disk;
}

function utf16(text: string): Uint8Array {
  const writer = new Writer(72);
  for (let i = 0; i < text.length; i++) writer.u16LE(text.charCodeAt(i));
  return writer.zeros(72 - writer.length).finish();
}

const GPT: PartitionFacts = {
  scheme: "gpt",
  diskId: "03020100-0504-0706-0809-0a0b0c0d0e0f",
  partitions: [
    {
      number: 1,
      type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
      firstLba: 2048,
      sectorCount: 2048,
      attributes: 0n,
      name: "EFI system",
    },
    {
      number: 3,
      type: "0fc63daf-8483-4772-8e79-3d69d8477de4",
      firstLba: 4096,
      sectorCount: 4096,
      attributes: 4n,
      name: "root 日本",
    },
  ],
};

const MBR: PartitionFacts = {
  scheme: "mbr",
  diskId: "cafe0001",
  partitions: [
    { number: 1, type: "07", firstLba: 2048, sectorCount: 1000, attributes: 0x80n, name: "" },
    { number: 3, type: "0c", firstLba: 4096, sectorCount: 2000, attributes: 0n, name: "" },
  ],
};

describe("parsePartitionTable", () => {
  it("reads an MBR", () => {
    const mbr = mbrOf([0x80, 0x07, 2048, 1000], [0, 0, 0, 0], [0, 0x0c, 4096, 2000]);
    expect(parsePartitionTable(mbr)).toEqual(MBR);
  });

  it("reads a GPT", () => {
    expect(parsePartitionTable(gptDisk())).toEqual(GPT);
  });

  it.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array()],
    ["zeros", new Uint8Array(4096)],
    ["no boot signature", mbrOf([0x80, 0x07, 2048, 1000]).fill(0, 510)],
    ["a boot sector of a file system", mbrOf([0x41, 0x07, 2048, 1000])],
    ["an entry that begins at sector 0", mbrOf([0, 0x07, 0, 1000])],
    ["a table without entries", mbrOf()],
  ])("sees no partition table in %s", (_, head) => {
    expect(parsePartitionTable(head)).toBeUndefined();
  });

  it.each<[string, Uint8Array]>([
    ["is not there", mbrOf(PROTECTIVE)],
    ["has another signature", gptDisk((disk) => disk.fill(0, 512, 520))],
    ["has a wrong header CRC", gptDisk((disk) => disk.set([0xff], 512 + 56), true)],
    ["has a wrong table CRC", gptDisk((disk) => disk.set([0xff], 1024 + 33), true)],
    ["has a header of no size", gptDisk((disk) => disk.set([0, 0], 512 + 12))],
    ["has its table beyond the first MiB", gptDisk((disk) => disk.set([0xff, 0xff], 512 + 72))],
    ["has its table in the header", gptDisk((disk) => disk.set([1], 512 + 72))],
    ["has more entries than fit", gptDisk((disk) => disk.set([0xff, 0xff, 0xff, 0xff], 512 + 80))],
    ["has entries of a strange size", gptDisk((disk) => disk.set([129], 512 + 84))],
    ["has a partition that ends before it begins", gptDisk((disk) => disk.set([0, 0], 1024 + 40))],
  ])("falls back to the protective MBR when the GPT %s", (_, head) => {
    expect(parsePartitionTable(head)).toMatchObject({ scheme: "mbr", partitions: [{ type: "ee" }] });
  });
});

describe("partition facts", () => {
  it.each([GPT, MBR])("are the same after encoding and decoding", (facts) => {
    expect(decodePartitionFacts(encodePartitionFacts(facts))).toEqual(facts);
  });
});
