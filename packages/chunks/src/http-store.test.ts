import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, onTestFinished } from "vitest";
import { parseDigest } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { DirectoryStore } from "./directory-store.ts";
import type { ChunkExtent } from "./extent.ts";
import { HttpStore } from "./http-store.ts";
import type { HttpStoreOptions } from "./http-store.ts";
import { CodecPool } from "./pool-worker.ts";
import { packPath } from "./store-core.ts";
import { makeImage, readBack, sourceOf } from "./testing/index.ts";
import { startStoreServer } from "./testing/server.ts";
import type { StoreServer, StoreServerOptions } from "./testing/server.ts";

const MIB = 2 ** 20;
const UNKNOWN = parseDigest("ab".repeat(32));
const IMAGE = makeImage([
  { kind: "compressible", bytes: MIB },
  { kind: "zero", bytes: MIB },
  { kind: "random", bytes: 2 * MIB },
]);

/** Threads take their time to start: all stores of all tests share one. */
const pool = new CodecPool(1);
afterAll(() => pool.close());

interface Served {
  readonly directory: string;
  readonly id: Digest;
  readonly chunks: readonly ChunkExtent[];
  readonly local: DirectoryStore;
  readonly server: StoreServer;
  readonly open: (options?: HttpStoreOptions) => Promise<HttpStore>;
}

/** A directory store with one image, a server for it, and a way to read it. */
async function serve(intercept?: StoreServerOptions["intercept"]): Promise<Served> {
  const directory = await mkdtemp(join(tmpdir(), "ingot-http-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const local = await DirectoryStore.open(directory, { pool, cacheBytes: 0 });
  onTestFinished(() => local.close());
  const { manifestId: id } = await local.importImage(sourceOf(IMAGE));
  const { extents } = await local.readManifest(id);
  const chunks = extents.filter((extent) => extent.kind === "chunk");
  const server = await startStoreServer(directory, intercept === undefined ? {} : { intercept });
  onTestFinished(() => server.close());
  const open = async (options: HttpStoreOptions = {}): Promise<HttpStore> => {
    const store = await HttpStore.open(server.url, { pool, wait: async () => undefined, ...options });
    onTestFinished(() => store.close());
    return store;
  };
  return { directory, id, chunks, local, server, open };
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`no item ${index} of ${list.length}`);
  return item;
}

const packRequests = ({ server }: Served): number => server.requests.filter(({ range }) => range !== undefined).length;

it("gives back the image that the server's store holds", async () => {
  const { id, open, local } = await serve();
  const store = await open();
  expect(store.chunkCount).toBe((await local.stats()).chunkCount);
  expect(Buffer.compare(await readBack(store, id), IMAGE)).toBe(0);
});

it("gives the signature that the server's store has, refuses what is none, and says when there is none", async () => {
  const { id, open, local, directory } = await serve();
  const store = await open();
  expect(await store.readSignature(id)).toBeUndefined();
  await local.writeSignature(id, new Uint8Array(64).fill(7));
  expect(await store.readSignature(id)).toEqual(new Uint8Array(64).fill(7));
  await writeFile(join(directory, "manifests", `${id}.sig`), "short");
  await expect(store.readSignature(id)).rejects.toMatchObject({ code: "damaged", manifest: id });
});

it("asks for neighbouring chunks at once, and for one chunk once", async () => {
  const served = await serve();
  const store = await served.open({ maxRequests: 2 });
  const before = packRequests(served);
  const some = served.chunks.slice(0, 8);
  await Promise.all([...some, ...some].map(({ digest }) => store.readChunk(digest)));
  // All eight are in the first pack, side by side, and compressed they are shorter than one range.
  expect(packRequests(served) - before).toBeLessThanOrEqual(2);
});

it("knows no chunk and no manifest that the server lacks, and finds those added since it was opened", async () => {
  const { open, local } = await serve();
  const store = await open();
  await expect(store.readChunk(UNKNOWN)).rejects.toMatchObject({ code: "missing", chunk: UNKNOWN });
  await expect(store.readManifest(UNKNOWN)).rejects.toMatchObject({ code: "missing", manifest: UNKNOWN });
  const later = makeImage([{ kind: "random", bytes: 2 * MIB, seed: 77 }]);
  const { manifestId } = await local.importImage(sourceOf(later));
  expect(Buffer.compare(await readBack(store, manifestId), later)).toBe(0);
});

it("finds chunks that a prune moved to another pack", async () => {
  const { local, open, id, chunks } = await serve();
  const small = makeImage([{ kind: "compressible", bytes: MIB }]);
  const store = await open();
  const { manifestId } = await local.importImage(sourceOf(small));
  const { digest } = at(chunks, 0);
  const before = local.packOf(digest);
  await local.prune([id, manifestId]);
  await local.prune([manifestId]);
  expect(local.packOf(digest)).not.toBe(before);
  expect(Buffer.compare(await readBack(store, manifestId), small)).toBe(0);
});

it("never gives out damaged bytes, and names chunk and pack", async () => {
  const { directory, chunks, local, open } = await serve();
  const store = await open();
  const { digest } = at(chunks, 0);
  const pack = local.packOf(digest) ?? UNKNOWN;
  const file = join(directory, packPath(pack));
  const bytes = await readFile(file);
  await writeFile(
    file,
    bytes.map((byte, i) => (i === 100 ? byte ^ 1 : byte)),
  );
  await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "damaged", chunk: digest, pack });
  await writeFile(file, bytes.subarray(0, 50));
  await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "damaged", chunk: digest, pack });
  await rm(file);
  await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "missing", chunk: digest, pack });
  await writeFile(file, bytes);
  expect((await store.readChunk(digest)).length).toBe(at(chunks, 0).length);
});

it("refuses a damaged manifest and a damaged index", async () => {
  const { directory, id, open } = await serve();
  const store = await open();
  await writeFile(join(directory, `manifests/${id}.manifest`), "INGOTMAN");
  await expect(store.readManifest(id)).rejects.toMatchObject({ code: "damaged", manifest: id });
  const [segment] = await readdir(join(directory, "index"));
  await writeFile(join(directory, "index", segment ?? ""), "INGOTIDX");
  await expect(open()).rejects.toMatchObject({ code: "damaged" });
});

it("tries again what may pass, and gives up in the end", async () => {
  let failures = 3;
  const served = await serve(({ range }, response) => {
    if (range === undefined || failures-- <= 0) return false;
    if (failures === 2) response.writeHead(503).end();
    else if (failures === 1) response.destroy();
    // The announced length is never reached; once the connection is cut, else nothing more is heard.
    else {
      response.writeHead(206, { "content-length": 1000, "content-range": "bytes 16-1015/4000" });
      response.write("short", () => failures === 0 && response.destroy());
    }
    return true;
  });
  const delays: number[] = [];
  const wait = async (delayMs: number): Promise<void> => void delays.push(delayMs);
  const store = await served.open({ attempts: 4, wait, timeoutMs: 100 });
  const { digest, length } = at(served.chunks, 0);
  expect((await store.readChunk(digest)).length).toBe(length);
  expect(delays.length).toBe(3);
  failures = 1000;
  await expect(store.readChunk(at(served.chunks, 1).digest)).rejects.toMatchObject({ code: "io" });
  expect(delays.length).toBe(6);
  for (const delay of delays) expect(delay).toBeLessThanOrEqual(800);
});

it("does not try again what will not pass", async () => {
  const served = await serve(({ range }, response) => {
    if (range !== undefined) response.writeHead(403).end();
    return range !== undefined;
  });
  const store = await served.open();
  const before = packRequests(served);
  await expect(store.readChunk(at(served.chunks, 0).digest)).rejects.toMatchObject({ code: "io" });
  expect(packRequests(served) - before).toBe(1);
});

it.each([
  ["another range", { "content-range": "bytes 0-9/4000" }, "0123456789", "io"],
  ["no range said", {}, "0123456789", "io"],
  ["more than a pack can have", {}, "x".repeat(5 * MIB), "too-large"],
])("takes no bytes from a server that answers with %s", async (_, headers, body, code) => {
  const { open, chunks } = await serve(({ range }, response) => {
    if (range !== undefined) response.writeHead(206, headers).end(body);
    return range !== undefined;
  });
  const store = await open();
  await expect(store.readChunk(at(chunks, 0).digest)).rejects.toMatchObject({ code });
});

it("reads from a server that knows no ranges", async () => {
  const served = await serve(async ({ path, range }, response) => {
    if (range === undefined) return false;
    response.writeHead(200).end(await readFile(join(served.directory, path)));
    return true;
  });
  const store = await served.open();
  for (const { digest, offset, length } of [at(served.chunks, 0), at(served.chunks, 5)]) {
    expect(Buffer.compare(await store.readChunk(digest), IMAGE.subarray(offset, offset + length))).toBe(0);
  }
});

it("a reader that leaves ends the request, unless another waits for the same chunk", async () => {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let isStuck = true;
  const served = await serve(({ range }, response) => {
    if (range === undefined || !isStuck) return false;
    response.on("close", () => ended.resolve());
    begun.resolve();
    return true;
  });
  const store = await served.open();
  const { digest, length } = at(served.chunks, 0);
  const first = new AbortController();
  const second = new AbortController();
  const reads = [first, second].map(({ signal }) => store.readChunk(digest, signal));
  await begun.promise;
  first.abort();
  await expect(reads[0]).rejects.toMatchObject({ code: "aborted" });
  second.abort();
  await expect(reads[1]).rejects.toMatchObject({ code: "aborted" });
  await ended.promise;
  isStuck = false;
  expect((await store.readChunk(digest)).length).toBe(length);
});

it("close ends what is under way, and nothing is read after it", async () => {
  const begun = Promise.withResolvers<void>();
  const { open, chunks } = await serve(({ range }) => {
    if (range !== undefined) begun.resolve();
    return range !== undefined;
  });
  const store = await open();
  const { digest } = at(chunks, 0);
  const reading = expect(store.readChunk(digest)).rejects.toMatchObject({ code: "closed" });
  await begun.promise;
  await store.close();
  await reading;
  await expect(store.readChunk(digest)).rejects.toMatchObject({ code: "closed" });
  await store.close();
});

it.each([
  ["very long", "x".repeat(300_000)],
  ["full of segments", Array.from({ length: 65 }, (_, i) => `${i}`.padStart(64, "0")).join(".index\n") + ".index"],
])("refuses a list of the index that is %s", async (_, list) => {
  const { open } = await serve(({ path }, response) => {
    if (path === "/index/") response.writeHead(200).end(list);
    return path === "/index/";
  });
  await expect(open()).rejects.toMatchObject({ code: "too-large" });
});

it("a server that is not there, or that is no store, is an error", async () => {
  const { server, open } = await serve(({ path }, response) => {
    if (path === "/index/") response.writeHead(404).end();
    return path === "/index/";
  });
  await expect(open()).rejects.toMatchObject({ code: "io" });
  await server.close();
  await expect(open({ attempts: 2 })).rejects.toMatchObject({ code: "io" });
});
