import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateFolder } from "./state-folder.ts";

let path: string;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), "ingot-state-"));
});
afterEach(() => rmSync(path, { recursive: true }));

const fingerprintOn = async (computer?: string): Promise<string> =>
  (await (await StateFolder.open(path)).identity(computer)).fingerprint;

test("an agent keeps its key for as long as its computer is the same", async () => {
  const first = await fingerprintOn("board-1");
  expect(await fingerprintOn("board-1")).toBe(first);
});

test("a key that came to another computer with a copy of the disk is left, the server stays known", async () => {
  const golden = await fingerprintOn("board-1");
  const server = { url: "https://10.0.0.1:8472", pin: "9".repeat(64) };
  await (await StateFolder.open(path)).rememberServer(server);
  const clone = await fingerprintOn("board-2");
  expect(clone).not.toBe(golden);
  expect(await fingerprintOn("board-2")).toBe(clone);
  expect(await (await StateFolder.open(path)).server()).toEqual(server);
});

test("a key from before anybody asked for the computer stays", async () => {
  const first = await fingerprintOn();
  expect(await fingerprintOn("board-1")).toBe(first);
  expect(await fingerprintOn()).toBe(first);
});
