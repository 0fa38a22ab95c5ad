import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CachedReader } from "./cached-read.ts";
import { dropCache } from "./drop-cache.ts";

const LENGTH = 1 << 20;

let directory: string;
let fd: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ingot-drop-cache-"));
  fd = openSync(join(directory, "file"), "w+");
  writeSync(fd, new Uint8Array(LENGTH).fill(7));
  fsyncSync(fd);
});
afterEach(() => {
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

const cachedBytes = (offset: number): number => new CachedReader(fd).read(new Uint8Array(4096), offset);

test("what was written durably is not in the page cache any more", () => {
  expect(cachedBytes(0)).toBe(4096);
  dropCache(fd);
  expect(cachedBytes(0)).toBe(0);
  expect(cachedBytes(LENGTH - 4096)).toBe(0);
});

test("a descriptor that is not open is an error with its name", () => {
  expect(() => dropCache(0x7fff_ffff)).toThrow(expect.objectContaining({ code: "EBADF", syscall: "posix_fadvise" }));
});
