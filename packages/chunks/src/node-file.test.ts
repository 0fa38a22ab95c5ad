import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { NodeFiles } from "./node-file.ts";

async function openFiles(): Promise<NodeFiles> {
  const root = await mkdtemp(join(tmpdir(), "ingot-files-"));
  const files = new NodeFiles(root);
  onTestFinished(async () => {
    await files.close();
    await rm(root, { recursive: true });
  });
  return files;
}

it("reads ranges, up to the end of the file", async () => {
  const files = await openFiles();
  await files.create("a", Uint8Array.of(1, 2, 3, 4));
  expect(await files.readRange("a", 1, 2)).toEqual(Uint8Array.of(2, 3));
  expect(await files.readRange("a", 3, 9)).toEqual(Uint8Array.of(4));
  expect(await files.size("a")).toBe(4);
  await expect(files.create("a", Uint8Array.of(5))).rejects.toMatchObject({ code: "EEXIST" });
  await expect(files.readRange("b", 0, 1)).rejects.toMatchObject({ code: "ENOENT" });
});

it("reads the new file after a rename over one that was open, and none after a removal", async () => {
  const files = await openFiles();
  await files.create("a", Uint8Array.of(1));
  await files.create("b", Uint8Array.of(2));
  expect(await files.readRange("a", 0, 1)).toEqual(Uint8Array.of(1));
  await files.rename("b", "a");
  expect(await files.readRange("a", 0, 1)).toEqual(Uint8Array.of(2));
  await files.remove("a");
  await expect(files.readRange("a", 0, 1)).rejects.toMatchObject({ code: "ENOENT" });
});

it("serves more files than it keeps open, many times at once", async () => {
  const files = await openFiles();
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  for (const i of numbers) await files.create(String(i), Uint8Array.of(i & 0xff));
  for (let round = 0; round < 2; round++) {
    const read = await Promise.all(numbers.map((i) => files.readRange(String(i), 0, 1)));
    expect(read.map(([byte]) => byte)).toEqual(numbers.map((i) => i & 0xff));
  }
});

it("lists a directory, and one that is not there as empty", async () => {
  const files = await openFiles();
  await files.makeDirectory("d");
  await files.makeDirectory("d");
  await files.create("d/x", new Uint8Array());
  await files.syncDirectory("d");
  expect(await files.list("d")).toEqual(["x"]);
  expect(await files.list("e")).toEqual([]);
});
