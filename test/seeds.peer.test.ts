import { randomBytes } from "node:crypto";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { IngotEvent, Job, JobSeed, Task } from "@ingot/api";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type AgentProcess, CloneRoom, receivedBytes } from "./clone-room.ts";
import { ServerApi } from "./server-api.ts";

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
afterEach(() => room.stopAgents());
afterAll(() => room[Symbol.asyncDispose]());

/** Starts a seed; resolves when the server has heard of it. */
async function startSeed(name: string): Promise<AgentProcess> {
  const server = ["--server", room.url, "--pin", room.pin];
  const seed = room.agent(name, "seed", "--folder", room.path(name), "--upload-rate", RATE, ...server);
  await seed.firstLine();
  return seed;
}

async function showJob(): Promise<Job & { readonly tasks: readonly Task[]; readonly seeds: readonly JobSeed[] }> {
  const { code, stdout, stderr } = await room.ingot("job", "show", "1", "--json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof showJob>>;
}

/** Those of the job's seeds that hold a part for it. */
const holders = (seeds: readonly JobSeed[]): JobSeed[] => seeds.filter(({ partPieces }) => partPieces !== undefined);

/** The job's seeds, as `showJob` has them, for looking often. */
async function listSeeds(): Promise<readonly JobSeed[]> {
  const answer = await fetch(`${room.server.url}/api/v1/jobs/1/seeds`);
  return ((await answer.json()) as { readonly items: readonly JobSeed[] }).items;
}

const partPiecesOf = (seeds: readonly JobSeed[]): number =>
  seeds.reduce((sum, { partPieces = 0 }) => sum + partPieces, 0);

/** Milliseconds until one of these seeds has lost its place, and others have its pieces. */
async function untilReplaced(before: readonly JobSeed[]): Promise<number> {
  const since = performance.now();
  for (;;) {
    const seeds = holders(await listSeeds());
    const isThere = ({ fingerprint }: JobSeed): boolean => seeds.some((seed) => seed.fingerprint === fingerprint);
    const isWhole = seeds.every(
      ({ standing, heldPieces, partPieces = 0 }) => standing === "good" && heldPieces >= partPieces,
    );
    if (!before.every(isThere) && isWhole && partPiecesOf(seeds) === partPiecesOf(before))
      return performance.now() - since;
    await sleep(250);
  }
}

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
  const seeds = await Promise.all(names.map(startSeed));
  await room.ingot("machine", "add", "--name", "pc-1", "--mac", "52:54:00:00:00:01");
  const made = await room.ingot("deploy", "room", "--to", "pc-1", "--preload", "50%", "--json");
  expect(made.stderr).toBe("");
  expect((await showJob()).tasks).toMatchObject([{ state: "waiting", reason: expect.stringContaining("seeds") }]);

  const stateOf = async (): Promise<string | undefined> => (await showJob()).tasks[0]?.state;
  await expect.poll(stateOf, { timeout: 120_000, interval: 2000 }).toBe("booting");
  // What a seed holds is told with its next report.
  const areHeld = async (): Promise<boolean[]> =>
    holders((await showJob()).seeds).map(({ heldPieces, partPieces }) => heldPieces === partPieces);
  await expect.poll(areHeld, { timeout: 10_000, interval: 500 }).toEqual([true, true, true]);
  const before = await showJob();
  expect(before.preload).toBe(50);
  const blocks = names.map(blocksOf);
  const together = new Set(blocks.flatMap((part) => [...part]));
  expect(together.size).toBe(blocks.reduce((sum, part) => sum + part.size, 0));
  // Pieces are not of one size.
  expect(Math.abs(together.size * BLOCK_BYTES - IMAGE_BYTES / 2)).toBeLessThan(4 * MIB);

  await startSeed("spare");
  const receivers = new Map(
    ["r1", "r2", "r3"].map((name) => [name, room.pull(name, "room", "--rate", RATE, "--seed")]),
  );
  const needed = receivers.size * IMAGE_BYTES;
  await room.untilFilled(needed * 0.3, receivers);
  await seeds[0]?.kill();
  const replacing = untilReplaced(holders(before.seeds));
  const results = await Promise.all([...receivers.values()].map((receiver) => receiver.result()));
  const came = results.reduce((total, result) => total + receivedBytes(result), 0);
  process.stdout.write(`${came} bytes came, ${needed} were needed\n`);
  expect(came).toBeLessThanOrEqual(needed * ALLOWANCE);
  for (const name of receivers.keys()) expect(readFileSync(room.path(`${name}.img`)).equals(content)).toBe(true);
  const replacedMs = await replacing;
  process.stdout.write(`replaced ${Math.round(replacedMs)} ms after it was killed\n`);
  expect(replacedMs).toBeLessThan(FAILOVER_MS);
  const measured = (await listSeeds()).filter(({ score }) => score !== undefined);
  expect(measured.length).toBeGreaterThan(1);
  for (const { uploadRate = 0, latencyMs = -1 } of measured) {
    expect(uploadRate).toBeGreaterThan(0);
    expect(latencyMs).toBeGreaterThanOrEqual(0);
  }
}, 240_000);

test("a chunk that is damaged in the store is found by who receives it, told of, and costs nobody the rest", async () => {
  const image = randomBytes(8 * MIB);
  await room.addImage("bad", image);
  const mark = image.subarray(image.length - 4096, image.length - 4064);
  const pack = globSync(`${room.data}/**/*.pack`).find((path) => readFileSync(path).includes(mark)) ?? "";
  const bytes = readFileSync(pack);
  bytes.write("damage", bytes.indexOf(mark));
  writeFileSync(pack, bytes);

  const first = room.pull("b1", "bad");
  const api = new ServerApi(room.server);
  const damaged = async (): Promise<IngotEvent | undefined> =>
    (await api.events()).find(({ kind }) => kind === "image.damaged");
  await expect.poll(damaged, { timeout: 60_000 }).toMatchObject({ image: "bad:1", data: { chunks: 1 } });
  // It has turned away from the server; who comes now gets everything else from there.
  await first.stop();
  const second = room.pull("b2", "bad");
  const path = room.path("b2.img");
  const missingBytes = (): number => {
    if (!existsSync(path)) return image.length;
    const file = readFileSync(path);
    let missing = 0;
    for (let at = 0; at < image.length; at += BLOCK_BYTES) {
      if (image.compare(file, at, at + BLOCK_BYTES, at, at + BLOCK_BYTES) !== 0) missing += BLOCK_BYTES;
    }
    return missing;
  };
  await expect.poll(missingBytes, { timeout: 60_000 }).toBeLessThanOrEqual(MIB);
  expect(missingBytes()).toBeGreaterThan(0);
  expect(second.isRunning).toBe(true);
});
