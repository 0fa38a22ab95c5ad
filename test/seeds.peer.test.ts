import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Job, JobSeed, Task } from "@ingot/api";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentProcess, CloneRoom, receivedBytes } from "./clone-room.ts";

const MIB = 2 ** 20;
const IMAGE_BYTES = 32 * MIB;
const BLOCK_BYTES = 4096;
/** Slow enough that a seed can be killed in the middle. */
const RATE = "6Mi";
/** What travels twice, as a part of what is needed. */
const ALLOWANCE = 1.05;
const FAILOVER_MS = 30_000;

let room: CloneRoom;
let content: Buffer;
let manifestId: string;

beforeAll(async () => {
  room = await CloneRoom.open("127.0.0.96", "--seed-rate", "60mbit");
  content = randomBytes(IMAGE_BYTES);
  ({ manifestId } = await room.addImage("room", content));
});
afterAll(() => room[Symbol.asyncDispose]());

function startSeed(name: string): AgentProcess {
  const server = ["--server", room.url, "--pin", room.pin];
  return room.agent(name, "seed", "--folder", room.path(name), "--upload-rate", RATE, ...server);
}

async function showJob(): Promise<Job & { readonly tasks: readonly Task[]; readonly seeds: readonly JobSeed[] }> {
  const { code, stdout, stderr } = await room.ingot("job", "show", "1", "--json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof showJob>>;
}

/** Those of a job's seeds that hold a part for it. */
const holders = (seeds: readonly JobSeed[]): JobSeed[] => seeds.filter(({ partPieces }) => partPieces !== undefined);

/** The blocks of the image that a seed has on its disk. */
function blocksOf(name: string): Set<number> {
  const file = readFileSync(room.path(`${name}/${manifestId}.part`));
  const blocks = new Set<number>();
  for (let at = 0; at < IMAGE_BYTES; at += BLOCK_BYTES) {
    if (content.compare(file, at, at + BLOCK_BYTES, at, at + BLOCK_BYTES) === 0) blocks.add(at);
  }
  return blocks;
}

test("seeds hold disjoint parts before a job begins; one that is killed is replaced within half a minute, and hardly a byte travels twice", async () => {
  const names = ["seed1", "seed2", "seed3"];
  const seeds = names.map(startSeed);
  await room.ingot("machine", "add", "--name", "pc-1", "--mac", "52:54:00:00:00:01");
  const made = await room.ingot("deploy", "room", "--to", "pc-1", "--preload", "50%", "--json");
  expect(made.stderr).toBe("");
  expect((await showJob()).tasks).toMatchObject([{ state: "waiting", reason: expect.stringContaining("seeds") }]);

  await expect.poll(async () => (await showJob()).tasks[0]?.state, { timeout: 60_000, interval: 1000 }).toBe("booting");
  const before = await showJob();
  expect(before.preload).toBe(50);
  expect(holders(before.seeds)).toHaveLength(3);
  for (const { heldPieces, partPieces } of holders(before.seeds)) expect(heldPieces).toBe(partPieces);
  const blocks = names.map(blocksOf);
  const together = new Set(blocks.flatMap((part) => [...part]));
  expect(together.size).toBe(blocks.reduce((sum, part) => sum + part.size, 0));
  expect(Math.abs(together.size * BLOCK_BYTES - IMAGE_BYTES / 2)).toBeLessThan(MIB);

  const receivers = new Map(
    ["r1", "r2", "r3"].map((name) => [name, room.pull(name, "room", "--rate", RATE, "--seed")]),
  );
  const needed = receivers.size * IMAGE_BYTES;
  await room.untilFilled(needed * 0.3, receivers);
  await seeds[0]?.kill();
  const killedAt = performance.now();
  startSeed("spare");
  const results = await Promise.all([...receivers.values()].map((receiver) => receiver.result()));
  const came = results.reduce((total, result) => total + receivedBytes(result), 0);
  process.stdout.write(`${came} bytes came, ${needed} were needed\n`);
  expect(came).toBeLessThanOrEqual(needed * ALLOWANCE);
  for (const name of receivers.keys()) expect(readFileSync(room.path(`${name}.img`)).equals(content)).toBe(true);

  const dead = holders(before.seeds).map(({ fingerprint }) => fingerprint);
  const replaced = async (): Promise<boolean> =>
    holders((await showJob()).seeds).some(
      ({ fingerprint, standing, partPieces }) =>
        !dead.includes(fingerprint) && standing === "good" && (partPieces ?? 0) > 0,
    );
  await expect.poll(replaced, { timeout: FAILOVER_MS, interval: 500 }).toBe(true);
  process.stdout.write(`replaced ${Math.round(performance.now() - killedAt)} ms after it was killed\n`);
  expect(performance.now() - killedAt).toBeLessThan(FAILOVER_MS);
  const after = holders((await showJob()).seeds);
  expect(after).toHaveLength(3);
  expect(after.reduce((sum, { partPieces = 0 }) => sum + partPieces, 0)).toBe(
    holders(before.seeds).reduce((sum, { partPieces = 0 }) => sum + partPieces, 0),
  );
  const measured = (await showJob()).seeds.filter(({ score }) => score !== undefined);
  expect(measured.length).toBeGreaterThan(1);
  for (const { uploadRate = 0, latencyMs = -1 } of measured) {
    expect(uploadRate).toBeGreaterThan(0);
    expect(latencyMs).toBeGreaterThanOrEqual(0);
  }
});
