import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeManifest } from "@ingot/chunks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CloneRoom, type PullResult, receivedBytes } from "./clone-room.ts";

const MIB = 2 ** 20;
const IMAGE_BYTES = 48 * MIB;
/** A classroom. */
const NAMES = Array.from({ length: 24 }, (_unused, i) => `u${i + 1}`);
/** How far what travels may be from the chunks that are new. */
const TOLERANCE = 0.1;

let room: CloneRoom;
let content: Buffer;
/** Digests of the newest version's chunks. */
let digests: ReadonlySet<string>;

beforeAll(async () => {
  room = await CloneRoom.open("127.0.0.94");
  content = randomBytes(IMAGE_BYTES);
  digests = new Set(chunksOf((await room.addImage("room", content)).manifestId).keys());
  await pullAll();
});
afterAll(() => room[Symbol.asyncDispose]());

/** Bytes of each chunk of a version, by digest. What is random is not compressed. */
function chunksOf(manifestId: string): Map<string, number> {
  const { extents } = decodeManifest(readFileSync(join(room.data, "store", "manifests", `${manifestId}.manifest`)));
  return new Map(extents.flatMap((extent) => (extent.kind === "chunk" ? [[extent.digest, extent.length]] : [])));
}

/** Fills all files, and returns what each took. */
async function pullAll(): Promise<PullResult[]> {
  const pulls = NAMES.map((name) => room.pull(name, "room", "--seed"));
  const results = await Promise.all(pulls.map((pull) => pull.result()));
  for (const name of NAMES) expect(readFileSync(room.path(`${name}.img`)).equals(content)).toBe(true);
  await room.stopAgents();
  return results;
}

/**
 * Adds the next version, updates all files to it, and holds what came against the chunks that are new. Two sources of the last pieces
 * may both begin to send, which is a piece or so for each receiver: the versions differ by enough for that.
 */
async function update(next: Buffer): Promise<PullResult[]> {
  content = next;
  const { version, manifestId, storedBytes } = await room.addImage("room", content);
  const chunks = chunksOf(manifestId);
  const newBytes = [...chunks].reduce((sum, [digest, bytes]) => (digests.has(digest) ? sum : sum + bytes), 0);
  digests = new Set(chunks.keys());
  const results = await pullAll();
  for (const result of results) expect(result.version).toBe(version);
  const received = results.map(receivedBytes);
  process.stdout.write(
    `version ${version}: ${newBytes} bytes are new, ${storedBytes} stored; to each came ${received.join(", ")}\n`,
  );
  const sum = received.reduce((total, bytes) => total + bytes, 0);
  expect(sum).toBeGreaterThanOrEqual(NAMES.length * newBytes * (1 - TOLERANCE));
  expect(sum).toBeLessThanOrEqual(NAMES.length * newBytes * (1 + TOLERANCE));
  return results;
}

test("where parts have changed in place, only these travel", async () => {
  const next = Buffer.from(content);
  for (const at of [3, 11, 14, 27, 40]) randomBytes(2_500_000).copy(next, at * MIB);
  const results = await update(next);
  for (const { found } of results) expect(found.inPlace.bytes).toBeGreaterThan(IMAGE_BYTES / 2);
});

test("where something was inserted, what has moved is moved and does not travel", async () => {
  const at = 10 * MIB;
  const next = Buffer.concat([content.subarray(0, at), randomBytes(10 * MIB), content.subarray(at)]);
  const results = await update(next);
  for (const { found } of results) expect(found.moved.bytes).toBeGreaterThan(IMAGE_BYTES / 2);
});
