import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { detectImage, openRawImage } from "./raw-image-file.ts";

const MIB = 1024 * 1024;

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await fs.mkdtemp(path.join(os.tmpdir(), "ingot-raw-image-"));
  file = path.join(directory, "image.raw");
});

/** `toEqual` takes seconds for megabytes. */
function expectSame(bytes: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(bytes, expected)).toBe(0);
}

afterEach(async () => {
  await fs.rm(directory, { recursive: true });
});

async function readRanges(from: string): Promise<{ offset: number; bytes: Uint8Array }[]> {
  await using image = await openRawImage(from);
  const ranges = [];
  for await (const { offset, bytes } of image.data) ranges.push({ offset, bytes: Uint8Array.from(bytes) });
  return ranges;
}

test("holes are skipped, data is complete", async () => {
  const content = new Uint8Array(9 * MIB + 512);
  const handle = await fs.open(file, "w");
  await handle.truncate(content.length);
  for (const [offset, length] of [
    [0, 512],
    [3 * MIB, 2 * MIB + 4096],
    [content.length - 512, 512],
  ] as const) {
    content.fill(offset / 512 + 1, offset, offset + length);
    await handle.write(content, offset, length, offset);
  }
  await handle.close();
  const ranges = await readRanges(file);
  const read = new Uint8Array(content.length);
  let end = 0;
  for (const { offset, bytes } of ranges) {
    expect(offset).toBeGreaterThanOrEqual(end);
    end = offset + bytes.length;
    read.set(bytes, offset);
  }
  expectSame(read, content);
  expect(ranges.reduce((sum, range) => sum + range.bytes.length, 0)).toBeLessThan(3 * MIB);
  expect(await detectImage(file)).toEqual({ format: "raw", sizeBytes: content.length });
});

test("a file that is only a hole has no ranges", async () => {
  await fs.writeFile(file, "");
  await fs.truncate(file, MIB);
  expect(await readRanges(file)).toEqual([]);
});

test.each([
  ["written to", () => fs.writeFile(file, new Uint8Array(512), { flag: "r+" })],
  ["cut", () => fs.truncate(file, MIB)],
  ["extended", () => fs.truncate(file, 8 * MIB)],
  ["removed", () => fs.rm(file)],
  [
    "replaced",
    async () => {
      await fs.copyFile(file, `${file}.new`);
      await fs.rename(`${file}.new`, file);
    },
  ],
])("a file that is %s while it is read ends in an error", async (_how, change) => {
  await fs.writeFile(file, new Uint8Array(4 * MIB).fill(1));
  await fs.utimes(file, 1, 1);
  await using image = await openRawImage(file);
  const reading = async (): Promise<void> => {
    let isFirst = true;
    for await (const range of image.data) {
      expect(range.bytes.length).toBeGreaterThan(0);
      if (isFirst) await change();
      isFirst = false;
    }
  };
  await expect(reading()).rejects.toMatchObject({ code: "changed-while-read" });
});

test("closing while data is read ends the reading", async () => {
  await fs.writeFile(file, new Uint8Array(4 * MIB).fill(1));
  const image = await openRawImage(file);
  const reading = async (): Promise<void> => {
    for await (const range of image.data) if (range.offset === 0) await image.close();
  };
  await expect(reading()).rejects.toMatchObject({ code: "closed" });
  await image.close();
});

const sector = (text: string, at = 0): Uint8Array => {
  const bytes = new Uint8Array(512);
  bytes.set(Buffer.from(text, "latin1"), at);
  return bytes;
};

test.each([
  ["missing", undefined, "not-found"],
  ["empty", new Uint8Array(0), "empty"],
  ["not a multiple of 512", new Uint8Array(513), "not-whole-sectors"],
  ["dynamic VHD", sector("conectix"), "unsupported-format"],
  ["fixed VHD", Buffer.concat([new Uint8Array(1024), sector("conectix")]), "unsupported-format"],
  ["VHDX", sector("vhdxfile"), "unsupported-format"],
  ["qcow2", sector("QFI\u00fb"), "unsupported-format"],
  ["VMDK", sector("KDMV"), "unsupported-format"],
  ["VMDK descriptor", sector("# Disk DescriptorFile\n"), "unsupported-format"],
  ["VDI", sector("\u007f\u0010\u00da\u00be", 64), "unsupported-format"],
  ["gzip", sector("\u001f\u008b\u0008"), "unsupported-format"],
])("%s is refused as such", async (_what, content, code) => {
  if (content !== undefined) await fs.writeFile(file, content);
  await expect(openRawImage(file)).rejects.toMatchObject({ code });
});

test("a directory and a device that is no disk are refused", async () => {
  await expect(detectImage(directory)).rejects.toMatchObject({ code: "not-a-disk" });
  await expect(detectImage("/dev/null")).rejects.toMatchObject({ code: "not-a-disk" });
});
