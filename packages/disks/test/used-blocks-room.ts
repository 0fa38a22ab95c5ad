import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

import { seededRandom } from "@ingot/testkit/link";
import { expect, onTestFinished } from "vitest";

import { findUsedBlocks, openByteReader, openUsedImage, type UsedBlocks } from "../src/index.ts";

export const MIB: number = 2 ** 20;

/** Whether all of these programs are there; in CI they MUST be. */
export function hasPrograms(...programs: string[]): boolean {
  const missing = programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  if (missing.length > 0 && process.env["CI"] !== undefined) throw new Error(`needs ${missing.join(", ")}`);
  if (missing.length > 0) process.stderr.write(`skipped: needs ${missing.join(", ")}\n`);
  return missing.length === 0;
}

/** A directory that is gone after the test. */
export function makeRoom(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "ingot-used-"));
  onTestFinished(() => fs.rmSync(directory, { recursive: true }));
  return directory;
}

export function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C", MTOOLS_SKIP_CHECK: "1" },
    maxBuffer: 64 * MIB,
  });
}

/** Files `f0`, `f1`, … of many sizes in a directory of their own. */
export function makeFiles(room: string, seed: number, count: number): string {
  const random = seededRandom(seed);
  const at = path.join(room, `files-${seed}`);
  fs.mkdirSync(at);
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.alloc(Math.floor(random() ** 4 * 400_000), `file ${i} `);
    fs.writeFileSync(path.join(at, `f${i}`), bytes);
  }
  return at;
}

export function makeSparse(at: string, sizeBytes: number): void {
  fs.writeFileSync(at, "");
  fs.truncateSync(at, sizeBytes);
}

export async function usedOf(at: string): Promise<UsedBlocks> {
  const reader = await openByteReader(at);
  try {
    return await findUsedBlocks(reader);
  } finally {
    await reader.close();
  }
}

/** What is in use of bytes in memory; every range is checked to be where it has to be. */
export async function usedOfBytes(bytes: Uint8Array): Promise<UsedBlocks> {
  const used = await findUsedBlocks({
    sizeBytes: bytes.length,
    read: async (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
  });
  let end = 0;
  for (const { offset, length } of used.ranges) {
    expect([offset, length > 0, length % 512]).toEqual([end, true, 0]);
    end += length;
  }
  expect(end).toBe(bytes.length);
  return used;
}

export function freeBytesOf(used: UsedBlocks): number {
  return used.sizeBytes - used.dataBytes;
}

/** Copies what a capture gives; ranges that nobody needs become 0xee. */
export async function captureTo(from: string, to: string): Promise<void> {
  await using image = await openUsedImage(from);
  const fd = fs.openSync(to, "w");
  fs.ftruncateSync(fd, image.sizeBytes);
  let end = 0;
  for await (const range of image.data) {
    expect(range.offset).toBe(end);
    const bytes = "bytes" in range ? range.bytes : Buffer.alloc(Math.min(range.dontCareLength, 64 * MIB), 0xee);
    fs.writeSync(fd, bytes, 0, bytes.length, range.offset);
    end = range.offset + ("bytes" in range ? range.bytes.length : range.dontCareLength);
  }
  expect(end).toBe(image.sizeBytes);
  fs.closeSync(fd);
}

/** Changes bytes at random in the places that are given, and looks at what comes of it; the seed stands in the failure. */
export async function damageAtRandom(
  whole: Uint8Array,
  places: readonly { offset: number; length: number }[],
  rounds: number,
): Promise<void> {
  const bytes = Uint8Array.from(whole);
  for (let seed = 1; seed <= rounds; seed++) {
    const random = seededRandom(seed);
    const changed = Array.from({ length: 1 + (seed % 5) }, () => {
      const { offset, length } = places[Math.floor(random() * places.length)] ?? { offset: 0, length: 1 };
      return offset + Math.floor(random() * length);
    });
    for (const at of changed) bytes[at] = Math.floor(random() * 256);
    try {
      await usedOfBytes(bytes);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    for (const at of changed) bytes[at] = whole[at] ?? 0;
  }
}

/** What matches `partition` of one file system on the disk itself that is taken as it is. */
export function rawBecause(reason: RegExp): object[] {
  return [{ content: "raw", reason: expect.stringMatching(reason) as string }];
}
