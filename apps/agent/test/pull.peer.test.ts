import { randomBytes } from "node:crypto";
import {
  existsSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Ended, said, startServer, type TestServer } from "./server-process.ts";

const MIB = 2 ** 20;
const IMAGE_BYTES = 48 * MIB;

let server: TestServer;
let image: Buffer;

beforeAll(async () => {
  server = await startServer();
  image = randomBytes(IMAGE_BYTES);
  const path = join(server.folder, "image.raw");
  writeFileSync(path, image);
  expect(await server.ingot("image", "add", "room", path)).toMatchObject({ code: 0 });
});

afterAll(() => server[Symbol.asyncDispose]());

interface Result {
  readonly progress: {
    readonly doneBytes: number;
    readonly bytes: Readonly<Record<"seed" | "peers" | "multicast" | "local", number>>;
  };
}

function resultOf(ended: Ended): Result {
  if (ended.code !== 0) throw new Error(`ended with ${ended.code}: ${ended.stderr}`);
  return JSON.parse(ended.stdout) as Result;
}

const target = (name: string): string => join(server.folder, name);
const isImage = (name: string): boolean => readFileSync(target(name)).equals(image);

test("several machines fill each other's files, and nothing is left beside them", async () => {
  const names = ["a", "b", "c"];
  const ended = await Promise.all(
    names.map((name) => server.agent(name, "pull", "room", "--to", target(`${name}.img`), "--method", "p2p").ended),
  );
  const results = ended.map(resultOf);
  for (const name of names) expect(isImage(`${name}.img`)).toBe(true);
  const fromSeed = results.reduce((sum, { progress }) => sum + progress.bytes.seed, 0);
  const fromPeers = results.reduce((sum, { progress }) => sum + progress.bytes.peers, 0);
  expect(fromPeers).toBeGreaterThan(0);
  expect(fromSeed + fromPeers).toBeLessThan(3 * IMAGE_BYTES * 1.02);
  expect(readdirSync(server.folder).filter((name) => name.endsWith(".ingot"))).toEqual([]);
});

test("by multicast, with the server alone as sender", async () => {
  const names = ["m1", "m2"];
  const ended = await Promise.all(
    names.map(
      (name) =>
        server.agent(name, "pull", "room", "--to", target(`${name}.img`), "--method", "multicast", "--receivers", "2")
          .ended,
    ),
  );
  for (const [index, result] of ended.map(resultOf).entries()) {
    expect(isImage(`m${index + 1}.img`)).toBe(true);
    expect(result.progress.bytes.multicast).toBeGreaterThan(IMAGE_BYTES / 2);
  }
});

test("a machine that loses power goes on where it was, and hardly a byte travels twice", async () => {
  const path = target("r.img");
  const pulling = server.agent("r", "pull", "room", "--to", path, "--method", "unicast", "--rate", "12Mi");
  while (!existsSync(path) || statSync(path).blocks * 512 < 20 * MIB) await sleep(50);
  // Bits become durable within a second.
  await sleep(1200);
  pulling.child.kill("SIGKILL");
  expect(await pulling.ended).toMatchObject({ signal: "SIGKILL" });
  const { progress } = resultOf(await server.agent("r", "pull", "room", "--to", path, "--verify").ended);
  expect(isImage("r.img")).toBe(true);
  expect(progress.bytes.local).toBeGreaterThan(8 * MIB);
  const travelled = progress.bytes.seed + progress.bytes.peers + progress.bytes.multicast;
  expect(travelled + progress.bytes.local).toBeLessThan(IMAGE_BYTES * 1.02);
});

test("what is in place is not fetched; a byte that turned is", async () => {
  const path = target("b.img");
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.of((image[30 * MIB] ?? 0) ^ 1), 0, 1, 30 * MIB);
  closeSync(fd);
  const { progress } = resultOf(await server.agent("b", "pull", "room", "--to", path, "--method", "p2p").ended);
  expect(isImage("b.img")).toBe(true);
  expect(progress.bytes.seed + progress.bytes.peers).toBeLessThan(5 * MIB);
});

test("a file that somebody else holds is served to others, without being changed", async () => {
  const before = statSync(target("c.img")).mtimeMs;
  const serving = server.agent("c", "serve", "room", "--from", target("c.img"));
  await said(serving, "heldChunks");
  resultOf(await server.agent("d", "pull", "room", "--to", target("d.img"), "--method", "p2p").ended);
  serving.child.kill("SIGTERM");
  const { code, stdout } = await serving.ended;
  expect(code).toBe(0);
  expect(isImage("d.img")).toBe(true);
  // Whoever began with everything counts as a seed: what came from it shows on its side.
  const last = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as { sentBytes: number };
  expect(last.sentBytes).toBeGreaterThan(MIB);
  expect(statSync(target("c.img")).mtimeMs).toBe(before);
});

test("an image without signature, or with a wrong one, is not written", async () => {
  const { stdout } = await server.ingot("image", "show", "room", "--json");
  const { versions } = JSON.parse(stdout) as { versions: { manifestId: string }[] };
  const found = (readdirSync(join(server.data, "store"), { recursive: true }) as string[]).find(
    (name) => name.endsWith(".sig") && name.includes(versions[0]?.manifestId ?? "?"),
  );
  const path = join(server.data, "store", found ?? "none");
  const signature = readFileSync(path);
  try {
    const wrong = Buffer.from(signature);
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    writeFileSync(path, wrong);
    const forged = await server.agent("s", "pull", "room", "--to", target("s.img")).ended;
    expect(forged.code).toBe(4);
    expect(forged.stderr).toContain("signature-wrong");
    rmSync(path);
    const missing = await server.agent("s", "pull", "room", "--to", target("s.img")).ended;
    expect(missing.code).toBe(4);
    expect(missing.stderr).toContain("signature-missing");
    expect(existsSync(target("s.img"))).toBe(false);
  } finally {
    writeFileSync(path, signature);
  }
});

test("what cannot be done ends with the code that says why", async () => {
  const unknown = await server.agent("u", "pull", "nothing", "--to", target("u.img")).ended;
  expect(unknown).toMatchObject({ code: 4 });
  expect(JSON.parse(unknown.stderr)).toMatchObject({ error: { code: "image-missing" } });
  const usage = await server.agent("u", "pull", "room").ended;
  expect(usage).toMatchObject({ code: 2 });
  const folder = await server.agent("u", "pull", "room", "--to", server.folder).ended;
  expect(folder.code).toBe(3);
  expect(existsSync(target("u.img"))).toBe(false);
});
