import { randomBytes } from "node:crypto";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
import { ingot, run, ServerProcess, type CommandEnd } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.87:8470", "--boot-port", "18487", "--iscsi", "127.0.0.87:3260"];
const SIZE = 12 << 20;

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-damage-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Adds an image of random bytes and returns its file. */
async function addImage(name: string): Promise<string> {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, randomBytes(SIZE));
  expect(await ingot("image", "add", name, path, "--data", data)).toMatchObject({ code: 0 });
  return path;
}

function stored(extension: "pack" | "index"): string[] {
  return readdirSync(join(data, "store"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(`.${extension}`))
    .map((name) => join(data, "store", name))
    .sort();
}

function overwrite(path: string, offset: number, length: number): void {
  const fd = openSync(path, "r+");
  writeSync(fd, randomBytes(length), 0, length, offset);
  closeSync(fd);
}

function compare(file: string, url: string): Promise<CommandEnd> {
  return run("qemu-img", ["compare", "-f", "raw", "-F", "raw", file, url]);
}

test("a damaged pack is named, gives an I/O error to who reads it and never wrong bytes, and the rest still works", async () => {
  await addImage("lab");
  const [damaged = ""] = stored("pack");
  const whole = await addImage("whole");
  overwrite(damaged, 1000, 1000);

  await using server = await ServerProcess.start(data, ...PORTS);
  const api = new ServerApi(server);
  const url = await api.addMachine(1, { image: "lab" });
  const read = await run("qemu-img", ["convert", "-f", "raw", "-O", "raw", url, join(folder, "copy.img")]);
  expect(read.code).not.toBe(0);
  expect(read.stderr).toMatch(/input\/output error|medium error/i);

  const verified = await ingot("image", "verify", "lab", "--data", data);
  expect(verified.code).toBe(5);
  expect(verified.stdout).toContain(basename(damaged));
  expect(await ingot("image", "verify", "whole", "--data", data)).toMatchObject({ code: 0 });
  const other = await compare(whole, await api.addMachine(2, { image: "whole" }));
  expect(other.stdout).toContain("Images are identical");
});

describe("a damaged index segment is named, made anew from the packs, and no image suffers", () => {
  test.each([
    ["with wrong bytes", (path: string) => overwrite(path, 100, 64)],
    ["cut short", (path: string) => truncateSync(path, 30)],
    ["empty", (path: string) => truncateSync(path, 0)],
  ])("%s", async (_name, damage) => {
    const file = await addImage("lab");
    const [segment = ""] = stored("index");
    damage(segment);

    await using server = await ServerProcess.start(data, ...PORTS);
    const warnings = server.notices.filter(({ event }) => event === "warning").map(({ message }) => String(message));
    expect(warnings.join("\n")).toContain(basename(segment));
    expect(await ingot("image", "verify", "lab", "--data", data)).toMatchObject({ code: 0 });
    const read = await compare(file, await new ServerApi(server).addMachine(1, { image: "lab" }));
    expect(read.stdout).toContain("Images are identical");
    // A second image with the same content is found to be there: the index knows the chunks again.
    const again = await ingot("image", "add", "again", file, "--json", "--data", data);
    expect(JSON.parse(again.stdout)).toMatchObject({ newChunkCount: 0 });
    expect(await server.stop()).toBe(0);

    expect(stored("index")).not.toContain(segment);
    await using healed = await ServerProcess.start(data, ...PORTS);
    expect(JSON.stringify(healed.notices)).not.toContain(basename(segment));
  });
});

test("a damaged index does not hide a damaged pack: the pack's image is refused, the other is read", async () => {
  const lost = await addImage("lost");
  const [pack = ""] = stored("pack");
  const whole = await addImage("whole");
  // The table, from which the index would be made anew, is the last part of a pack.
  const { length } = readFileSync(pack);
  overwrite(pack, length - 512, 512);
  for (const segment of stored("index")) overwrite(segment, 100, 64);

  await using server = await ServerProcess.start(data, ...PORTS);
  expect(JSON.stringify(server.notices)).toContain(basename(pack));
  const api = new ServerApi(server);
  expect((await ingot("image", "verify", "lost", "--data", data)).code).toBe(5);
  expect((await compare(lost, await api.addMachine(1, { image: "lost" }))).stdout).not.toContain("identical");
  expect((await compare(whole, await api.addMachine(2, { image: "whole" }))).stdout).toContain("identical");
});
