import { CrashVolume } from "@ingot/testkit/crash";
import { bytesFromHex, hexFromBytes } from "@ingot/wire";
import { expect, test } from "vitest";

import { BlockState, type BlockRun } from "./block-map.ts";
import { readRecentRuns, RECENT_NAME, RecentLog } from "./recent-log.ts";

const BLOCKS = 1_000_000;

function run(firstBlock: number, blockCount = 1, state: BlockState = BlockState.data): BlockRun {
  return { firstBlock, blockCount, state };
}

async function bytesOf(volume: CrashVolume): Promise<Uint8Array> {
  const file = await volume.open(RECENT_NAME, "existing");
  const bytes = new Uint8Array((await file.measure()).sizeBytes);
  await file.read(0, bytes);
  return bytes;
}

async function change(volume: CrashVolume, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await volume.open(RECENT_NAME, "existing");
  await file.write(offset, bytes);
}

test("the bytes are those of docs/formats/overlay.md", async () => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 6);
  await log.append(run(0x1234, 3, BlockState.zero));
  const expected = [
    "494e474f54524543", // "INGOTREC"
    "00000001", // version 1
    "00000000",
    "0000000000000007", // covered by record 7
    "00000000000040008000000000000001", // boot id
    "0000000000000000000000000000000000000000",
    "00b15391", // CRC-32C of the header
    "00001234", // first block
    "00000003", // blocks
    "00000002", // zero
    "8c63d4ca", // CRC-32C of the header and the entry
    "00000000000000000000000000000000", // no second entry
  ];
  expect(hexFromBytes((await bytesOf(volume)).subarray(0, 96))).toBe(expected.join(""));
  expect(await readRecentRuns(volume, 6, BLOCKS)).toEqual([run(0x1234, 3, BlockState.zero)]);
});

test("entries of many pages come back in order, those of the lane before first", async () => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 0);
  for (let block = 0; block < 600; block++) await log.append(run(block));
  await log.turn(0);
  for (let block = 0; block < 300; block++) await log.append(run(block, 1, BlockState.zero));
  const found = await readRecentRuns(volume, 0, BLOCKS);
  expect(found.map((one) => one.firstBlock)).toEqual([...Array(600).keys(), ...Array(300).keys()]);
  expect(found.slice(600).every((one) => one.state === BlockState.zero)).toBe(true);
});

test("a lane counts until the record that covers it is in the map, and is not begun anew before", async () => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 0);
  await log.append(run(1));
  await log.turn(0);
  await log.append(run(2));
  // The record was not written after all: what was noted since goes with what was noted before.
  await log.turn(0);
  await log.append(run(3));
  expect(await readRecentRuns(volume, 0, BLOCKS)).toEqual([run(1), run(2), run(3)]);
  expect(await readRecentRuns(volume, 1, BLOCKS)).toEqual([run(2), run(3)]);
  await log.turn(1);
  await log.append(run(4));
  expect(await readRecentRuns(volume, 1, BLOCKS)).toEqual([run(2), run(3), run(4)]);
  expect(await readRecentRuns(volume, 2, BLOCKS)).toEqual([run(4)]);
});

test("under another run of the operating system, and after it was told to forget, it says nothing", async () => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 0);
  await log.append(run(1));
  const file = await volume.open(RECENT_NAME, "existing");
  await file.sync();
  await volume.syncDirectory();
  expect(await readRecentRuns(volume.kill(), 0, BLOCKS)).toEqual([run(1)]);
  expect(await readRecentRuns(volume.crash(0), 0, BLOCKS)).toEqual([]);
  const another = new CrashVolume();
  const forgetful = await RecentLog.create(another, 0);
  await forgetful.append(run(1));
  await forgetful.forget();
  expect(await readRecentRuns(another, 0, BLOCKS)).toEqual([]);
});

test.each([
  ["a header that is damaged", 10, "ff", []],
  ["a first entry that is damaged", 66, "ff", [2]],
  ["a last entry that is cut short", 64 + 16 + 12, "00000000", [1]],
])("%s hides what it stood for and no more", async (_what, offset, hex, blocks) => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 0);
  await log.append(run(1));
  await log.append(run(2));
  await change(volume, offset, bytesFromHex(hex));
  expect((await readRecentRuns(volume, 0, BLOCKS)).map((one) => one.firstBlock)).toEqual(blocks);
});

test("runs beyond the disk are passed over", async () => {
  const volume = new CrashVolume();
  const log = await RecentLog.create(volume, 0);
  await log.append(run(9, 2));
  expect(await readRecentRuns(volume, 0, 10)).toEqual([]);
});
