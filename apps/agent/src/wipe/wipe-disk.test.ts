import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Programs } from "../system/programs.ts";
import { wipeDisk } from "./wipe-disk.ts";

const SIZE = 9 * 2 ** 20;

function fullDisk(): string {
  const directory = mkdtempSync(join(tmpdir(), "ingot-wipe-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "disk");
  writeFileSync(path, new Uint8Array(SIZE).fill(0x5a));
  return path;
}

const programs = (blkdiscard: (path: string) => number | undefined): Programs => ({
  run: (program, args) => {
    expect(program).toBe("blkdiscard");
    const status = blkdiscard(args.at(-1) ?? "");
    return Promise.resolve(status === undefined ? undefined : { status, stdout: "", stderr: "" });
  },
});

const wipe = (path: string, method: "discard" | "zero", tools: Programs): ReturnType<typeof wipeDisk> =>
  wipeDisk({ path, sizeBytes: SIZE, method, programs: tools, onProgress: () => undefined, random: Math.random });

const isZero = (path: string): boolean => readFileSync(path).every((byte) => byte === 0);

test("a disk that gives zeros for discarded blocks is discarded", async () => {
  const path = fullDisk();
  const report = await wipe(
    path,
    "discard",
    programs((disk) => {
      writeFileSync(disk, new Uint8Array(SIZE));
      return 0;
    }),
  );
  expect(report.done).toBe("discarded");
});

test.each<[string, number | undefined]>([
  ["lies about it", 0],
  ["cannot", 1],
  ["has no such program on it", undefined],
])("a machine whose disk %s gets zeros everywhere", async (_what, status) => {
  const path = fullDisk();
  const report = await wipe(
    path,
    "discard",
    programs(() => status),
  );
  expect(report.done).toBe("zeroed");
  expect(isZero(path)).toBe(true);
});

test("zero writes everything without asking the disk for more", async () => {
  const path = fullDisk();
  const report = await wipe(path, "zero", { run: () => Promise.reject(new Error("not to be called")) });
  expect(report).toMatchObject({ done: "zeroed" });
  expect(isZero(path)).toBe(true);
});

test("a stop in the middle stops", async () => {
  const path = fullDisk();
  const controller = new AbortController();
  const done = wipeDisk({
    path,
    sizeBytes: SIZE,
    method: "zero",
    programs: programs(() => 1),
    onProgress: () => controller.abort(),
    random: Math.random,
    signal: controller.signal,
  });
  await expect(done).rejects.toMatchObject({ name: "AbortError" });
  expect(isZero(path)).toBe(false);
});
