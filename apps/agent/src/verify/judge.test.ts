import { crc32 } from "node:zlib";
import { type Digest, type Manifest, parsePartitionTable } from "@ingot/chunks";
import type { ByteReader, DeployVerifyReport } from "@ingot/disks";
import { expect, test } from "vitest";
import { finishTable } from "../after-fill/finish-table.ts";
import type { DiskBytes } from "../gpt/disk-bytes.ts";
import { encodeGptHeader, type GptHeader } from "../gpt/gpt-header.ts";
import { readGpt, withLastLba, writeGpt } from "../gpt/gpt-table.ts";
import { describeDamage, describeRest, firstSector } from "./describe.ts";
import { judge, type Judgement } from "./judge.ts";

const MIB = 2 ** 20;
const CHUNK = 64 * 1024;
const IMAGE = 6 * MIB;
/** Partition 1 at 1 MiB, partition 2 at 3 MiB. */
const PARTITIONS = [
  [2048, 6143],
  [6144, 10_239],
] as const;

class MemoryDisk implements DiskBytes {
  readonly sectorBytes = 512;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    return this.bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
  }

  sync(): void {
    // Memory has nothing to wait for.
  }

  turn(...places: readonly number[]): this {
    for (const at of places) this.bytes[at] = (this.bytes[at] ?? 0) ^ 0xff;
    return this;
  }
}

/** An image with a GPT; `begin` writes the start of partition 2. */
function imageWith(begin: (partition: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(IMAGE);
  bytes.fill(7, MIB, IMAGE - MIB);
  begin(bytes.subarray(3 * MIB, 5 * MIB));
  const entries = new Uint8Array(128 * 128);
  const view = new DataView(entries.buffer);
  for (const [index, [first, last]] of PARTITIONS.entries()) {
    entries.fill(0x11 + index, index * 128, index * 128 + 32);
    view.setBigUint64(index * 128 + 32, BigInt(first), true);
    view.setBigUint64(index * 128 + 40, BigInt(last), true);
  }
  const header: GptHeader = {
    myLba: 1n,
    alternateLba: 0n,
    firstUsableLba: 34n,
    lastUsableLba: BigInt(IMAGE / 512 - 34),
    diskGuid: new Uint8Array(16).fill(0xab),
    entriesLba: 2n,
    entryCount: 128,
    entryBytes: 128,
    entriesCrc: crc32(entries),
  };
  bytes.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], 446);
  bytes.set([0x55, 0xaa], 510);
  bytes.set(encodeGptHeader(header, 512), 512);
  bytes.set(entries, 1024);
  const disk = new MemoryDisk(bytes);
  const table = readGpt(disk);
  if (table !== undefined) writeGpt(disk, table);
  return bytes;
}

/** The image as a deployment leaves it on a disk of this size, its last partition grown to so many sectors. */
function deployed(image: Uint8Array, diskBytes = IMAGE, grownTo?: bigint): MemoryDisk {
  const bytes = new Uint8Array(diskBytes);
  bytes.set(image);
  const disk = new MemoryDisk(bytes);
  finishTable(disk, IMAGE, false);
  const table = readGpt(disk);
  if (grownTo !== undefined && table !== undefined) writeGpt(disk, withLastLba(table, 2, 6144n + grownTo - 1n));
  return disk;
}

function manifestOf(image: Uint8Array): Manifest {
  const extents = Array.from({ length: IMAGE / CHUNK }, (_unused, at) => ({
    kind: "chunk" as const,
    offset: at * CHUNK,
    length: CHUNK,
    digest: at.toString(16).padStart(64, "0") as Digest,
  }));
  return { formatVersion: 1, sizeBytes: IMAGE, sectorBytes: 512, partitions: parsePartitionTable(image), extents };
}

/** What hashing finds. */
function reportOf(image: Uint8Array, disk: MemoryDisk): DeployVerifyReport {
  const places = manifestOf(image)
    .extents.map(({ offset, length }, chunk) => ({ chunk, offset, length, unreadable: false }))
    .filter(
      ({ offset, length }) => Buffer.compare(image.subarray(offset, offset + length), disk.read(offset, length)) !== 0,
    );
  const damaged = places.map(({ chunk }) => chunk);
  return { checkedChunks: IMAGE / CHUNK, checkedBytes: IMAGE, damaged, places, notZero: [] };
}

async function judged(image: Uint8Array, disk: MemoryDisk, maxFetchedBytes = IMAGE): Promise<Judgement> {
  const reader: ByteReader = {
    sizeBytes: disk.sizeBytes,
    read(offset, into) {
      into.set(disk.read(offset, into.length));
      return Promise.resolve();
    },
  };
  const { judgement } = await judge({
    manifest: manifestOf(image),
    report: reportOf(image, disk),
    disk: reader,
    sectors: disk,
    maxFetchedBytes,
    view: (chunks) =>
      Promise.resolve({
        sizeBytes: disk.sizeBytes,
        has: (offset) => chunks.has(offset / CHUNK),
        read(offset, into) {
          into.fill(0);
          into.set(image.subarray(offset, offset + into.length));
          return Promise.resolve();
        },
      }),
  });
  return judgement;
}

const NOTHING: Judgement = { damaged: [], changed: [], doubts: [] };

test("a table that was fitted to a larger disk, grown or not, is as it should be", async () => {
  const image = imageWith();
  expect(reportOf(image, deployed(image, 9 * MIB)).places.length).toBe(2);
  expect(await judged(image, deployed(image, 9 * MIB))).toEqual(NOTHING);
  expect(await judged(image, deployed(image, 9 * MIB, 10_240n))).toEqual(NOTHING);
});

test("damage in either table, in boot code and between partitions is told to the sector", async () => {
  const image = imageWith();
  const disk = deployed(image, 9 * MIB, 10_240n);
  const inPrimary = [20, 512 + 60, 1024 + 40];
  const inBackup = 9 * MIB - 512 + 60;
  disk.turn(...inPrimary, MIB / 2);
  const area = "the partition table";
  const first = [
    { offset: 0, length: 1536, unreadable: false, area },
    { offset: MIB / 2, length: 512, unreadable: false, area: "the space outside of partitions" },
  ];
  expect(await judged(image, disk)).toEqual({ ...NOTHING, damaged: first });
  disk.turn(...inPrimary, inBackup);
  const second = [first[1], { offset: 9 * MIB - 512, length: 512, unreadable: false, area }];
  expect(await judged(image, disk)).toEqual({ ...NOTHING, damaged: second });
  const { damaged, doubts } = await judged(image, disk.turn(...inPrimary));
  expect([damaged, doubts.map((doubt) => doubt.area)]).toEqual([[first[1]], [area]]);
});

test("a table that somebody has edited is a change: its checksums are right", async () => {
  const image = imageWith();
  const disk = deployed(image, 9 * MIB);
  const table = readGpt(disk);
  if (table !== undefined) {
    const entries = table.entries.slice();
    entries.fill(0x44, 256, 256 + 32);
    new DataView(entries.buffer).setBigUint64(256 + 32, 14_336n, true);
    new DataView(entries.buffer).setBigUint64(256 + 40, 16_383n, true);
    writeGpt(disk, { ...table, entries });
  }
  const { damaged, changed, doubts } = await judged(image, disk);
  expect([damaged, doubts]).toEqual([[], []]);
  expect(changed).toEqual([{ area: "the partition table", bytes: 4 * 512 }]);
});

const ntfs = (partition: Uint8Array): void => {
  partition.fill(0, 0, 512);
  partition.set([...Buffer.from("NTFS    ")], 3);
  // Sectors of 512 bytes, clusters of 4096, the MFT in cluster 8.
  new DataView(partition.buffer, partition.byteOffset).setUint16(11, 512, true);
  partition[13] = 8;
  new DataView(partition.buffer, partition.byteOffset).setBigUint64(48, 8n, true);
};

test("of NTFS all is damage while its first records are as they were, and a doubt afterwards", async () => {
  const image = imageWith(ntfs);
  const cold = 3 * MIB + 900_000;
  const untouched = await judged(image, deployed(image).turn(cold));
  expect(untouched.damaged).toEqual([{ offset: cold - (cold % 512), length: 512, unreadable: false, area: 2 }]);
  const used = await judged(image, deployed(image).turn(cold, 3 * MIB + 8 * 4096 + 5000));
  expect(used).toMatchObject({ damaged: [], changed: [], doubts: [{ area: 2, bytes: 2 * CHUNK }] });
  expect(firstSector(used)).toBe((3 * MIB) / 512);
  expect(describeRest(used)[0]).toMatch(/^128 KiB of partition 2 cannot be judged \(its system has written to it/);
});

test("swap is nobody's content; a partition without a known file system is", async () => {
  const swap = imageWith((partition) => partition.set([...Buffer.from("SWAPSPACE2")], 4086));
  const changed = [{ area: 2, bytes: CHUNK }];
  expect(await judged(swap, deployed(swap).turn(3 * MIB + 100_000))).toEqual({ ...NOTHING, changed });
  const { damaged } = await judged(imageWith(), deployed(imageWith()).turn(MIB + 700, 3 * MIB + 100_000));
  expect(damaged.map(({ area }) => area)).toEqual([1, 2]);
  expect(describeDamage(damaged, new Map())).toBe(
    "2 places (1 KiB) are damaged, the first in sector 2049: partition 1, partition 2",
  );
});

test("what is too much to be fetched is damage by whole chunks, and a doubt where each file would have to be asked", async () => {
  const ext = imageWith((partition) => {
    partition.set([0x53, 0xef], 1024 + 56);
    partition[1024 + 58] = 1;
  });
  const disk = deployed(ext).turn(MIB + 5, 3 * MIB + 1024 + 200);
  const { damaged, doubts } = await judged(ext, disk, CHUNK - 1);
  expect(damaged).toEqual([{ offset: MIB, length: CHUNK, unreadable: false, area: 1 }]);
  expect(doubts).toMatchObject([{ area: 2, reason: "too much of it has changed to look at it closer" }]);
});
