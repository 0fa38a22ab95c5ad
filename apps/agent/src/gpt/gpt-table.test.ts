import { crc32 } from "node:zlib";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hexFromBytes } from "@ingot/wire";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { AgentError } from "../errors.ts";
import type { DiskBytes } from "./disk-bytes.ts";
import { encodeGptHeader, type GptHeader } from "./gpt-header.ts";
import { readGpt, usedRanges, withLastLba, writeGpt } from "./gpt-table.ts";

/** A disk in memory that keeps every write since the last sync apart, for power cuts. */
class MemoryDisk implements DiskBytes {
  readonly sectorBytes: number;
  readonly bytes: Uint8Array;
  /** The disk after each write, as a power cut right then may leave it. */
  readonly states: Uint8Array[] = [];
  readonly #keepStates: boolean;

  constructor(bytes: Uint8Array, sectorBytes = 512, keepStates = false) {
    this.#keepStates = keepStates;
    this.bytes = bytes;
    this.sectorBytes = sectorBytes;
  }

  get sizeBytes(): number {
    return this.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    expect(offset + length).toBeLessThanOrEqual(this.bytes.length);
    return this.bytes.slice(offset, offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    expect(offset + bytes.length).toBeLessThanOrEqual(this.bytes.length);
    this.bytes.set(bytes, offset);
    if (this.#keepStates) this.states.push(this.bytes.slice());
  }

  sync(): void {
    if (this.#keepStates) this.states.push(this.bytes.slice());
  }
}

/** A disk with a table as a partitioning tool makes it: partitions as [first, last] sectors. */
function partitioned(
  sizeBytes: number,
  partitions: readonly (readonly [number, number])[],
  sectorBytes = 512,
): Uint8Array {
  const lastLba = BigInt(sizeBytes / sectorBytes - 1);
  const entries = new Uint8Array(128 * 128);
  const view = new DataView(entries.buffer);
  for (const [index, [first, last]] of partitions.entries()) {
    entries.fill(0x11 + index, index * 128, index * 128 + 32);
    view.setBigUint64(index * 128 + 32, BigInt(first), true);
    view.setBigUint64(index * 128 + 40, BigInt(last), true);
  }
  const entrySectors = BigInt(entries.length / sectorBytes);
  const header: GptHeader = {
    myLba: 1n,
    alternateLba: lastLba,
    firstUsableLba: 2n + entrySectors,
    lastUsableLba: lastLba - entrySectors - 1n,
    diskGuid: new Uint8Array(16).fill(0xab),
    entriesLba: 2n,
    entryCount: 128,
    entryBytes: 128,
    entriesCrc: crc32(entries),
  };
  const bytes = new Uint8Array(sizeBytes);
  bytes.set([0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0, 0], 446);
  bytes.set([0x55, 0xaa], 510);
  bytes.set(encodeGptHeader(header, sectorBytes), sectorBytes);
  bytes.set(entries, 2 * sectorBytes);
  bytes.set(entries, Number(header.lastUsableLba + 1n) * sectorBytes);
  const backup = { ...header, myLba: lastLba, alternateLba: 1n, entriesLba: header.lastUsableLba + 1n };
  bytes.set(encodeGptHeader(backup, sectorBytes), Number(lastLba) * sectorBytes);
  return bytes;
}

function copiedTo(sizeBytes: number, image: Uint8Array): Uint8Array {
  const disk = new Uint8Array(sizeBytes);
  disk.set(image);
  return disk;
}

function tableOf(disk: DiskBytes): NonNullable<ReturnType<typeof readGpt>> {
  const table = readGpt(disk);
  if (table === undefined) throw new Error("no table");
  return table;
}

const MIB = 2 ** 20;

test("a disk without a GPT has none; a damaged one is an error and not a guess", () => {
  expect(readGpt(new MemoryDisk(new Uint8Array(MIB)))).toBeUndefined();
  for (const at of [512 + 24, 512 + 80, 1024 + 40]) {
    const bytes = partitioned(MIB, [[64, 127]]);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    expect(() => readGpt(new MemoryDisk(bytes))).toThrow(expect.objectContaining({ code: "partition-table" }));
  }
});

test.each([
  ["no entries at all", { entryCount: 0 }],
  ["more entries than any disk has", { entryCount: 2 ** 31 }],
  ["entries of a strange size", { entryBytes: 130 }],
  ["entries behind the disk's end", { entriesLba: 2n ** 60n }],
  ["usable sectors that end before they begin", { firstUsableLba: 2047n }],
  ["a header of another place", { myLba: 7n }],
])("a table with %s is refused", (_what, change) => {
  const disk = new MemoryDisk(partitioned(MIB, []));
  const { header } = tableOf(disk);
  disk.bytes.set(encodeGptHeader({ ...header, ...change }, 512), 512);
  expect(() => readGpt(disk)).toThrow(AgentError);
});

test("a partition can end at the new end of a larger disk", () => {
  const disk = new MemoryDisk(
    copiedTo(
      4 * MIB,
      partitioned(MIB, [
        [64, 127],
        [128, 1000],
      ]),
    ),
  );
  const table = writeGpt(disk, tableOf(disk));
  writeGpt(disk, withLastLba(table, 2, table.header.lastUsableLba));
  expect(usedRanges(tableOf(disk))).toEqual([
    { number: 1, firstLba: 64n, lastLba: 127n },
    { number: 2, firstLba: 128n, lastLba: BigInt((4 * MIB) / 512 - 34) },
  ]);
});

test("a partition that would reach into the backup is refused, and nothing was written", () => {
  const disk = new MemoryDisk(partitioned(MIB, [[64, 127]]), 512, true);
  const table = tableOf(disk);
  expect(() => writeGpt(disk, withLastLba(table, 1, table.header.lastUsableLba + 1n))).toThrow(AgentError);
  expect(disk.states).toEqual([]);
});

test("a MBR that is not the protective one stays as it is", () => {
  const bytes = copiedTo(2 * MIB, partitioned(MIB, [[64, 127]]));
  bytes[450] = 0x83;
  const disk = new MemoryDisk(bytes);
  const before = disk.read(0, 512);
  writeGpt(disk, tableOf(disk));
  expect(disk.read(0, 512)).toEqual(before);
});

const layouts = fc
  .record({
    imageMib: fc.integer({ min: 1, max: 3 }),
    extraSectors: fc.integer({ min: 0, max: 9000 }),
    sectorBytes: fc.constantFrom(512, 4096),
    cuts: fc.uniqueArray(fc.integer({ min: 40, max: 200 }), { minLength: 0, maxLength: 8 }),
  })
  .map(({ imageMib, extraSectors, sectorBytes, cuts }) => {
    const sorted = cuts.toSorted((a, b) => a - b);
    const partitions: [number, number][] = [];
    for (let i = 0; i + 1 < sorted.length; i += 2) partitions.push([sorted[i] ?? 0, (sorted[i + 1] ?? 0) - 1]);
    const image = partitioned(imageMib * MIB, partitions, sectorBytes);
    return { sectorBytes, partitions, bytes: copiedTo(imageMib * MIB + extraSectors * sectorBytes, image) };
  });

test("on a disk of any size both tables agree, checksums are right and partitions stay", () => {
  fc.assert(
    fc.property(layouts, ({ bytes, sectorBytes, partitions }) => {
      const disk = new MemoryDisk(bytes, sectorBytes);
      const before = tableOf(disk);
      writeGpt(disk, before);
      const after = tableOf(disk);
      const lastLba = bytes.length / sectorBytes - 1;
      expect(usedRanges(after).map(({ firstLba, lastLba: last }) => [Number(firstLba), Number(last)])).toEqual(
        partitions,
      );
      expect(after.header.diskGuid).toEqual(before.header.diskGuid);
      expect(after.header.alternateLba).toBe(BigInt(lastLba));
      // The backup, read as if it were the primary of a disk turned round.
      const backup = disk.read(lastLba * sectorBytes, sectorBytes);
      const expected = {
        ...after.header,
        myLba: BigInt(lastLba),
        alternateLba: 1n,
        entriesLba: after.header.lastUsableLba + 1n,
      };
      expect(hexFromBytes(backup)).toBe(hexFromBytes(encodeGptHeader(expected, sectorBytes)));
      expect(
        hexFromBytes(disk.read(Number(expected.entriesLba) * sectorBytes, after.entries.length)) ===
          hexFromBytes(after.entries),
      ).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("a power cut at any write leaves a table that reads", () => {
  const disk = new MemoryDisk(copiedTo(2 * MIB, partitioned(MIB, [[64, 1000]])), 512, true);
  const table = tableOf(disk);
  writeGpt(disk, withLastLba(table, 1, 3000n));
  for (const state of disk.states) {
    const at = new MemoryDisk(state);
    // A cut between the primary's entries and its header leaves the backup, which is complete by then.
    const sector = state.subarray(state.length - 512);
    const hasBackup = new TextDecoder().decode(sector.subarray(0, 8)) === "EFI PART";
    try {
      expect(readGpt(at)).toBeDefined();
    } catch (error) {
      expect(error).toBeInstanceOf(AgentError);
      expect(hasBackup).toBe(true);
    }
  }
});

const env = { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };

/** Whether a tool is here; in CI it has to be. */
function hasTool(tool: string): boolean {
  const isHere = spawnSync(tool, ["--version"], { env }).error === undefined;
  if (!isHere && process.env["CI"] !== undefined) throw new Error(`${tool} is missing`);
  if (!isHere) process.stdout.write(`skipped: no ${tool} here\n`);
  return isHere;
}

function scratchDisk(bytes: Uint8Array): string {
  const directory = mkdtempSync(join(tmpdir(), "ingot-gpt-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "disk");
  writeFileSync(path, bytes);
  return path;
}

const verdictOf = (tool: string, bytes: Uint8Array): string =>
  execFileSync(tool, ["--verify", scratchDisk(bytes)], { encoding: "utf8", env });

test.each(["sfdisk", "sgdisk"])("%s finds nothing wrong after the move", (tool) => {
  if (!hasTool(tool)) return;
  const image = partitioned(4 * MIB, [
    [64, 1999],
    [2000, 8000],
  ]);
  const disk = new MemoryDisk(copiedTo(8 * MIB, image));
  const table = writeGpt(disk, tableOf(disk));
  writeGpt(disk, withLastLba(table, 2, 14_335n));
  const verdict = verdictOf(tool, disk.bytes);
  expect(verdict).toMatch(/No errors detected|No problems found/);
  expect(verdict).not.toMatch(/[Ww]arning|[Cc]aution|corrupt/);
});

test("a table that sfdisk made is read, moved to a larger disk, and still sfdisk's", () => {
  if (!hasTool("sfdisk")) return;
  const path = scratchDisk(new Uint8Array(8 * MIB));
  execFileSync("sfdisk", ["--quiet", path], { input: "label: gpt\nsize=2MiB, type=uefi\ntype=linux\n", env });
  const disk = new MemoryDisk(copiedTo(16 * MIB, readFileSync(path)));
  writeGpt(disk, tableOf(disk));
  expect(verdictOf("sfdisk", disk.bytes)).toContain("No errors detected");
});
