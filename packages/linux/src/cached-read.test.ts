import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CachedReader } from "./cached-read.ts";

let directory: string;
let path: string;
let fd: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ingot-cached-read-"));
  path = join(directory, "file");
  writeFileSync(
    path,
    Uint8Array.from({ length: 65_536 }, (_unused, index) => index >> 8),
  );
  fd = openSync(path, "r");
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

test("what was just written is read into the place given, and nothing beside it", () => {
  const around = new Uint8Array(10_000);
  expect(new CachedReader(fd).read(around.subarray(1000, 9192), 4096)).toBe(8192);
  expect(around.subarray(1000, 9192)).toEqual(
    Uint8Array.from({ length: 8192 }, (_unused, index) => (index + 4096) >> 8),
  );
  expect(around.subarray(0, 1000).every((byte) => byte === 0)).toBe(true);
  expect(around.subarray(9192).every((byte) => byte === 0)).toBe(true);
});

test("a read ends where the file ends", () => {
  expect(new CachedReader(fd).read(new Uint8Array(4096), 65_536 - 512)).toBe(512);
});

test("what is not in the page cache is not waited for", () => {
  // Only pages that are clean are dropped.
  execFileSync("sync", [path]);
  // What dd calls nocache is posix_fadvise(POSIX_FADV_DONTNEED) of the whole file.
  execFileSync("dd", [`of=${path}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" });
  expect(new CachedReader(fd).read(new Uint8Array(4096), 8192)).toBe(0);
});

test("a descriptor that cannot be read gives nothing", () => {
  const writable = openSync(path, "a");
  expect(new CachedReader(writable).read(new Uint8Array(512), 0)).toBe(0);
  closeSync(writable);
});
