import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChunkExtent, encodeManifest, type Manifest, manifestIdOf, sha256 } from "@ingot/chunks";
import { ControlError, parseBootTarget, type SessionReport } from "@ingot/control";
import { BootTraceStore, OsVolume, PageCacheEstimate } from "@ingot/disks";
import type { IscsiEvent } from "@ingot/iscsi";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { SmallInitiator } from "../../test/small-initiator.ts";
import type { ServerError } from "../errors.ts";
import { BootRecordings } from "./boot-recordings.ts";
import { IscsiWorkers } from "./iscsi-workers.ts";
import { Replicas } from "./replicas.ts";

/** An image of four chunks and zeros behind them. */
const CHUNK_BYTES = 65_536;
const content = [1, 2, 3, 4].map((value) => new Uint8Array(CHUNK_BYTES).fill(value));
const manifest: Manifest = {
  formatVersion: 1,
  sizeBytes: 1 << 20,
  sectorBytes: 512,
  partitions: undefined,
  extents: [
    ...content.map((bytes, i): ChunkExtent => ({
      kind: "chunk",
      offset: i * CHUNK_BYTES,
      length: CHUNK_BYTES,
      digest: sha256(bytes),
    })),
    { kind: "zero", offset: 4 * CHUNK_BYTES, length: (1 << 20) - 4 * CHUNK_BYTES },
  ],
};
const manifestId = manifestIdOf(encodeManifest(manifest));

/** With two threads, the even ones are on the first (by CRC-32C of the name) and the odd ones on the second. */
const MACHINES = ["4f20", "4f21", "4f22", "4f23"] as const;

let directory: string;
let workers: IscsiWorkers;
/** Chunks that the store was asked for. */
const chunkReads: string[] = [];
let events: IscsiEvent[];
let reported: SessionReport[] = [];
let ended: SessionReport[];
let workerEnds: Error[];
let fatal: ServerError | undefined;
/** Sessions that the control plane believes to be open, by machine; bytes that it was told of. */
let open: Map<string, number>;
let bytes: { read: number; written: number };

// A thread takes its time to start: the tests share them, and each has machines of its own where it writes.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ingot-workers-"));
  await start(2);
});
afterAll(async () => {
  await workers.close();
  await rm(directory, { recursive: true });
});
beforeEach(() => {
  [events, ended, workerEnds, fatal] = [[], [], [], undefined];
  open = new Map();
  bytes = { read: 0, written: 0 };
});

async function start(count: number): Promise<void> {
  const store = {
    readManifest: async () => manifest,
    async readChunk(digest: string) {
      chunkReads.push(digest);
      const found = content.find((chunk) => sha256(chunk) === digest);
      if (found === undefined) throw new Error("no such chunk");
      return found;
    },
  };
  const onError = (error: unknown): void => expect.unreachable(String(error));
  const traces = new BootTraceStore(await OsVolume.open(join(directory, "traces")), onError);
  const replicas = await Replicas.open(join(directory, "replicas"), {
    store,
    pageCache: new PageCacheEstimate(1 << 30),
    traces,
    maxPrefetchBytes: 1 << 30,
    onError,
  });
  workers = await IscsiWorkers.start({
    count,
    overlays: join(directory, "overlays"),
    replicas,
    recordings: new BootRecordings({ traces, nowMs: () => performance.now(), onError }),
    pageCacheBytes: 1 << 30,
  });
  await workers.serve({
    portals: [
      { address: "127.0.0.1", port: 0 },
      { address: "127.0.0.1", port: 0 },
    ],
    disks: {
      credentialsOf: async () => ({}),
      list: async () => MACHINES.map((machine) => ({ target: targetOf(machine), machineName: machine })),
      login: async ({ target }) => logIn(target),
    },
    onEvent: (event) => void events.push(event),
    onError,
    onDiskFailure: (_, error) => expect.unreachable(String(error)),
    onReport(sessions, gone) {
      reported = [...sessions];
      ended.push(...gone);
    },
    onWorkerEnd: (error) => void workerEnds.push(error),
    onFatal(error) {
      fatal = error;
    },
  });
}

/** What the control plane does with a login, but for everything that it decides. */
async function logIn(target: string): ReturnType<Parameters<IscsiWorkers["serve"]>[0]["disks"]["login"]> {
  const machineId = parseBootTarget(target)?.machineId;
  if (machineId === undefined || machineId === "nobody") throw new ControlError("notFound", "no such machine");
  const device = await workers.keeper.open(machineId, manifestId);
  open.set(machineId, (open.get(machineId) ?? 0) + 1);
  return {
    machineId,
    bootId: 1,
    device,
    session: {
      countRead: (length) => void (bytes.read += length),
      countWritten: (length) => void (bytes.written += length),
      async close() {
        const left = (open.get(machineId) ?? 0) - 1;
        open.set(machineId, left);
        if (left === 0) await workers.keeper.release(machineId);
      },
    },
  };
}

function targetOf(machine: string): string {
  return `iqn.2026-11.org.ingot:${machine}`;
}

function connect(target: string, initiator?: string): Promise<SmallInitiator> {
  return SmallInitiator.login(workers.portals[0]?.port ?? 0, target, initiator);
}

/** On which threads a machine's sessions are, once all of them are reported. */
async function threadsOf(machine: string, count: number): Promise<readonly number[]> {
  const found = (): SessionReport[] => reported.filter(({ machineId }) => machineId === machine);
  await expect.poll(() => found().length, { timeout: 5000 }).toBe(count);
  return [...new Set(found().map(({ worker }) => worker))];
}

test("all names of a machine lead to one thread, and machines to several", async () => {
  const sessions = await Promise.all(
    MACHINES.flatMap((machine) => [
      connect(targetOf(machine), "iqn.2010-04.org.ipxe:a"),
      connect(`${targetOf(machine)}:boot3`, "iqn.2010-04.org.ipxe:b"),
      connect(targetOf(machine).toUpperCase().replace("IQN", "iqn"), "iqn.2010-04.org.ipxe:c"),
    ]),
  );
  const threads = await Promise.all(MACHINES.map((machine) => threadsOf(machine, 3)));
  for (const each of threads) expect(each.length).toBe(1);
  expect(new Set(threads.flat())).toEqual(new Set([1, 2]));
  expect(new Set(reported.map(({ id }) => id)).size).toBe(12);
  await Promise.all(sessions.map((session) => session.close()));
  await expect.poll(() => [...open.values()]).toEqual([0, 0, 0, 0]);
  await expect.poll(() => workers.counters).toMatchObject({ connections: 12, logins: 12, refusedLogins: 0 });
});

test("machines read the image, fetched once for all threads, and each its own changes", async () => {
  const [a, b] = await Promise.all([connect(targetOf("4f20")), connect(targetOf("4f21"))]);
  for (const session of [a, b]) {
    expect(await session.read(127, 2)).toEqual(Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(512, 2)]));
    expect(await session.read(2047, 1)).toEqual(Buffer.alloc(512));
  }
  await a.write(0, Buffer.alloc(4096, 0xaa));
  await a.flush();
  expect((await a.read(7, 2)).subarray(510, 514)).toEqual(Buffer.from([0xaa, 0xaa, 1, 1]));
  expect(await b.read(0, 1)).toEqual(Buffer.alloc(512, 1));
  expect(await workers.keeper.overlayBytes("4f20")).toBe(4096);
  await Promise.all([a.close(), b.close()]);
  await expect.poll(() => [...open.values()]).toEqual([0, 0]);
  expect(new Set(chunkReads).size).toBe(chunkReads.length);
  expect(bytes).toEqual({ read: 3 * 1024 + 1536, written: 4096 });
  const again = await connect(targetOf("4f20"));
  expect(await again.read(0, 1)).toEqual(Buffer.alloc(512, 0xaa));
  await again.close();
});

test("logins are refused for the reason that the main thread gives", async () => {
  await expect(connect(targetOf("nobody"))).rejects.toThrow("0203");
  const refused = events.filter(({ kind }) => kind === "refused");
  expect(refused).toMatchObject([{ kind: "refused", status: 0x0203, parties: { targetName: targetOf("nobody") } }]);
});

test("a login that names its target late, and so is on any thread, is not served by the wrong one", async () => {
  const statuses: number[] = [];
  for (let i = 0; i < 2; i++) {
    const session = SmallInitiator.open(workers.portals[0]?.port ?? 0);
    // C: the text goes on in the next request.
    expect(await session.sendLogin(0x44, { InitiatorName: "iqn.2010-04.org.ipxe:x" })).toBe(0);
    statuses.push(await session.sendLogin(0x87, { TargetName: targetOf("4f20") }));
    await session.close();
  }
  expect(new Set(statuses)).toEqual(new Set([0, 0x0301]));
});

test("a session through another portal is one of another target port, on the same thread", async () => {
  const sessions = await Promise.all(workers.portals.map(({ port }) => SmallInitiator.login(port, targetOf("4f21"))));
  expect((await threadsOf("4f21", 2)).length).toBe(1);
  const mine = reported.filter(({ machineId }) => machineId === "4f21");
  expect(new Set(mine.map(({ id }) => id)).size).toBe(2);
  await Promise.all(sessions.map((session) => session.close()));
});

test("discovery is answered by whichever thread", async () => {
  for (let i = 0; i < 3; i++) {
    const session = SmallInitiator.open(workers.portals[0]?.port ?? 0);
    const keys = { InitiatorName: "iqn.2010-04.org.ipxe:x", SessionType: "Discovery" };
    expect(await session.sendLogin(0x87, keys)).toBe(0);
    await session.close();
  }
  const discoveries = (): SessionReport[] =>
    ended.filter(({ target, machineId }) => target === "" && machineId === undefined);
  await expect.poll(() => discoveries().length, { timeout: 5000 }).toBe(3);
});

test("hundreds of sessions that come and go leave no descriptor behind", async () => {
  const descriptors = (): number => readdirSync("/proc/self/fd").length;
  const round = async (): Promise<void> => {
    const sessions = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        connect(targetOf(MACHINES[i % 4] ?? ""), `iqn.2010-04.org.ipxe:${Math.floor(i / 4)}`),
      ),
    );
    await Promise.all(sessions.map((session) => session.close()));
    await expect.poll(() => [...open.values()]).toEqual([0, 0, 0, 0]);
  };
  await round();
  const before = descriptors();
  for (let i = 0; i < 4; i++) await round();
  await expect.poll(descriptors).toBeLessThanOrEqual(before);
});

test("a thread that ends takes its sessions along; they come back, and what was flushed is there", async () => {
  const [mine, other] = await Promise.all([connect(targetOf("4f22")), connect(targetOf("4f23"))]);
  await mine.write(0, Buffer.alloc(4096, 0xaa));
  await mine.flush();
  const [number] = await threadsOf("4f22", 1);
  const thread = workers.threads.find(({ settings }) => settings.number === number);
  await thread?.terminate();
  await mine.closed;
  expect(workerEnds).toMatchObject([{ code: "worker-ended" }]);
  await expect.poll(() => open.get("4f22")).toBe(0);
  const back = await connect(targetOf("4f22"));
  expect(await back.read(0, 1)).toEqual(Buffer.alloc(512, 0xaa));
  expect(await back.read(200, 1)).toEqual(Buffer.alloc(512, 2));
  expect(await other.read(200, 1)).toEqual(Buffer.alloc(512, 2));
  expect(open.get("4f23")).toBe(1);
  expect(workers.counters.logins).toBeGreaterThanOrEqual(1);
  await Promise.all([back.close(), other.close()]);
});

test("closing ends the sessions, stores what was written, and nothing stays open", async () => {
  const session = await connect(targetOf("4f24"));
  await session.write(0, Buffer.alloc(4096, 0xaa));
  await workers.closeSessions();
  await session.closed;
  expect(open.get("4f24")).toBe(0);
  await workers.close();
  await start(1);
  const back = await connect(targetOf("4f24"));
  expect(await back.read(0, 1)).toEqual(Buffer.alloc(512, 0xaa));
  await back.close();
});

test("threads that end again and again end the service", async () => {
  // What ended before counts too: it is not long ago.
  for (let i = 0; fatal === undefined && i < 20; i++) {
    const [first] = workers.threads;
    await first?.terminate();
  }
  expect(fatal).toMatchObject({ code: "iscsi-worker", message: expect.stringContaining("worker 1") as unknown });
  expect(workerEnds.length).toBeLessThanOrEqual(5);
});
