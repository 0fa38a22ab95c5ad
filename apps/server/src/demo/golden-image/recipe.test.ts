import { expect, test } from "vitest";
import {
  biosBootPartition,
  diskBytes,
  efiPartition,
  partitionScript,
  rootPartition,
  sectorBytes,
} from "./disk-layout.ts";
import { readRecipe } from "./recipe.ts";

test("the same recipe has the same hash, another Debian another", async () => {
  const [first, second, other] = await Promise.all([
    readRecipe("bookworm"),
    readRecipe("bookworm"),
    readRecipe("trixie"),
  ]);
  expect(first.hash).toMatch(/^[0-9a-f]{64}$/);
  expect(second.hash).toBe(first.hash);
  expect(other.hash).not.toBe(first.hash);
});

test("partitions follow each other without overlap and leave room for the second partition table", () => {
  const root = rootPartition(diskBytes);
  let end = 34;
  for (const { start, sectors } of [biosBootPartition, efiPartition, root]) {
    expect(start).toBeGreaterThanOrEqual(end);
    expect(start % 2048).toBe(0);
    end = start + sectors;
  }
  expect(end).toBeLessThanOrEqual(diskBytes / sectorBytes - 33);
  expect(partitionScript(diskBytes)).toContain(`start=${root.start}, size=${root.sectors}, type=`);
});

test("the EFI system partition is large enough for FAT32 with clusters of one sector", () => {
  const fatSectors = Math.ceil((efiPartition.sectors * 4) / sectorBytes);
  expect(efiPartition.sectors - 32 - 2 * fatSectors).toBeGreaterThan(65_525);
});
