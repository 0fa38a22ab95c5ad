import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { DirectoryStore, HttpStore } from "../src/index.ts";
import type { Digest } from "../src/index.ts";
import { makeImage, readBack, sourceOf } from "../src/testing/index.ts";
import { startStoreServer } from "../src/testing/server.ts";

const MIB = 2 ** 20;
const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).status === 0;
const hasBusybox = isThere("busybox", "--help");
const hasCurl = isThere("curl", "--version");
if ((!hasBusybox || !hasCurl) && process.env["CI"] !== undefined) throw new Error("needs busybox and curl");

const IMAGE = makeImage([
  { kind: "compressible", bytes: 6 * MIB },
  { kind: "random", bytes: 6 * MIB },
]);

async function makeStore(): Promise<{ directory: string; id: Digest }> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-http-peer-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await using store = await DirectoryStore.open(directory, { threads: 1 });
  const { manifestId } = await store.importImage(sourceOf(IMAGE));
  return { directory, id: manifestId };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}

it.skipIf(!hasBusybox)("reads a store that busybox httpd gives out (skipped without busybox)", async () => {
  const { directory, id } = await makeStore();
  // It makes no page of a directory, but gives out the one that lies there.
  await writeFile(join(directory, "index", "index.html"), (await readdir(join(directory, "index"))).join("\n"));
  const port = await freePort();
  const httpd = spawn("busybox", ["httpd", "-f", "-p", `127.0.0.1:${port}`, "-h", directory]);
  onTestFinished(() => void httpd.kill());
  // It says nothing when it listens: the first look is repeated until it does.
  await using store = await HttpStore.open(`http://127.0.0.1:${port}`, { attempts: 10 });
  expect(Buffer.compare(await readBack(store, id), IMAGE)).toBe(0);
});

it.skipIf(!hasCurl)("curl gets from our server what lies in the store (skipped without curl)", async () => {
  const { directory, id } = await makeStore();
  const server = await startStoreServer(directory);
  onTestFinished(() => server.close());
  const curl = async (...args: readonly string[]): Promise<Buffer> => {
    const child = spawn("curl", ["--silent", "--fail", ...args]);
    const ended = once(child, "close");
    const body = Buffer.concat(await Array.fromAsync(child.stdout as AsyncIterable<Buffer>));
    const [status] = (await ended) as [number];
    if (status !== 0) throw new Error(`curl ended with ${status}`);
    return body;
  };
  const manifest = `manifests/${id}.manifest`;
  const whole = await readFile(join(directory, manifest));
  expect((await curl(`${server.url}${manifest}`)).equals(whole)).toBe(true);
  const part = await curl("--range", "100-299", `${server.url}${manifest}`);
  expect(part.equals(whole.subarray(100, 300))).toBe(true);
  const names = (await curl(`${server.url}index/`)).toString().trim().split("\n");
  expect(names).toEqual(await readdir(join(directory, "index")));
  // 22: an answer of 400 or above, because of --fail.
  await expect(curl(`${server.url}packs/../ingot.db`, "--path-as-is")).rejects.toThrow("ended with 22");
  await expect(curl(`${server.url}manifests/${"00".repeat(32)}.manifest`)).rejects.toThrow("ended with 22");
});
