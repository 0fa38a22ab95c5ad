/**
 * How fast one agent fills one disk when the network is no limit: node bench/agent-loopback.ts [--mib N] [--rounds N] [--threads N]
 * [--seed-threads N] [--downloads N] [--only TEXT] [--json]. One seed in a process of its own, one receiver, unshaped loopback, TLS; every
 * chunk is verified and written to a file on tmpfs (/dev/shm needs room for five times --mib). Images of random bytes, and of bytes that
 * compress to half; from the seed's store, and from its disk. MiB/s are those of plain data, from the first request to the last write; CPU
 * is that of both processes, user and system, in milliseconds for each MiB. Half a minute.
 */
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Digest, DirectoryStore, type ImageRange } from "@ingot/chunks";
import { type BulkAddress, PieceMap, TransferEngine, createIdentity } from "@ingot/swarm";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { formatTable, ratioCells } from "./figures/table.ts";
import { WarmMemory } from "./figures/warm-memory.ts";
import { killChild, tieChild } from "./targets/child-process.ts";

const { values } = parseArgs({
  options: {
    mib: { type: "string", default: "512" },
    rounds: { type: "string", default: "3" },
    threads: { type: "string", default: "2" },
    "seed-threads": { type: "string", default: "2" },
    downloads: { type: "string", default: "6" },
    only: { type: "string", default: "" },
    json: { type: "boolean", default: false },
  },
});
const MIB = 1024 * 1024;
const GOAL = 500;
const sizeBytes = Number(values.mib) * MIB;
enableCompileCache();

interface Image {
  readonly name: string;
  readonly manifestId: Digest;
  readonly pieceMap: PieceMap;
  readonly storeDirectory: string;
  readonly disk: string;
}

interface Round {
  readonly mibPerSecond: number;
  readonly receiverMsPerMib: number;
  readonly seedMsPerMib: number;
}

/** Every second 256 bytes occurred shortly before. What real files cost to decompress is between this and several times as much. */
function compressible(length: number): Buffer {
  const bytes = randomBytes(length);
  for (let at = 256; at < length; at += 512) bytes.copyWithin(at, at - 256, at);
  return bytes;
}

async function makeImage(directory: string, name: string, bytesOf: (length: number) => Buffer): Promise<Image> {
  const [storeDirectory, disk] = [join(directory, `${name}-store`), join(directory, `${name}-disk`)];
  const store = await DirectoryStore.open(storeDirectory);
  const fd = openSync(disk, "w");
  async function* data(): AsyncGenerator<ImageRange> {
    for (let offset = 0; offset < sizeBytes; offset += MIB) {
      const bytes = bytesOf(MIB);
      writeSync(fd, bytes, 0, MIB, offset);
      yield { offset, bytes };
    }
  }
  const { manifestId } = await store.importImage({ sizeBytes, data: data() });
  const pieceMap = PieceMap.of(await store.readManifest(manifestId));
  closeSync(fd);
  await store.close();
  return { name, manifestId, pieceMap, storeDirectory, disk };
}

function nameOf(kind: string, source: string): string {
  return `${kind}, seed reads its ${source}`;
}

function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

async function cpuMsOf(seed: ChildProcess): Promise<number> {
  seed.send("usage");
  const [usage] = (await once(seed, "message")) as [NodeJS.CpuUsage];
  return cpuMs(usage);
}

async function run(image: Image, source: "store" | "disk", target: string): Promise<Round> {
  const identity = createIdentity();
  const seed = fork(new URL("agent-loopback/seed-process.ts", import.meta.url), [
    image.storeDirectory,
    image.manifestId,
    source === "disk" ? image.disk : "",
    values["seed-threads"],
    identity.fingerprint,
  ]);
  tieChild(seed);
  const [door] = (await once(seed, "message")) as [Pick<BulkAddress, "port" | "fingerprint">];
  await using engine = await TransferEngine.start({
    threads: Number(values.threads),
    identity,
    listen: { address: "127.0.0.1", port: 0 },
    maxUploads: 4,
    cacheBytes: 32 * MIB,
  });
  using _memory = WarmMemory.touch(directory, 1.5 * sizeBytes);
  writeFileSync(target, "");
  truncateSync(target, sizeBytes);
  const fd = openSync(target, "r+");
  const held = new Uint8Array(Math.ceil(image.pieceMap.chunkCount / 8));
  const { manifestId, pieceMap } = image;
  const open = await engine.open({ manifestId, pieceMap, source: { kind: "disk", fd, offset: 0, held } });
  const seedCpuBefore = await cpuMsOf(seed);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  let next = 0;
  const download = async (): Promise<void> => {
    while (next < pieceMap.pieceCount) await open.fetch({ piece: next++, from: { host: "127.0.0.1", ...door } });
  };
  await Promise.all(Array.from({ length: Number(values.downloads) }, download));
  const seconds = (performance.now() - startedAt) / 1000;
  const mib = pieceMap.plainBytes / MIB;
  const receiverMsPerMib = cpuMs(process.cpuUsage(cpuBefore)) / mib;
  const seedMsPerMib = ((await cpuMsOf(seed)) - seedCpuBefore) / mib;
  await open.close();
  closeSync(fd);
  await killChild(seed);
  return { mibPerSecond: mib / seconds, receiverMsPerMib, seedMsPerMib };
}

const directory = mkdtempSync("/dev/shm/ingot-bench-loopback-");
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
const results: { name: string; rounds: Round[] }[] = [];
for (const [kind, bytesOf] of [
  ["random", randomBytes],
  ["compressible", compressible],
] as const) {
  const sources = (["store", "disk"] as const).filter((source) => nameOf(kind, source).includes(values.only));
  if (sources.length === 0) continue;
  const image = await makeImage(directory, kind, bytesOf);
  for (const source of sources) {
    const rounds: Round[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      rounds.push(await run(image, source, join(directory, "target")));
    }
    results.push({ name: nameOf(kind, source), rounds });
  }
  rmSync(image.storeDirectory, { recursive: true });
  rmSync(image.disk);
}
const rows = results.map(({ name, rounds }) => {
  const rates = rounds.map(({ mibPerSecond }) => mibPerSecond);
  const [, goal, isReached] = ratioCells(medianOf(rates), { atLeast: GOAL });
  return [
    name,
    formatSpread(rates),
    goal,
    isReached,
    medianOf(rounds.map(({ receiverMsPerMib }) => receiverMsPerMib)).toFixed(2),
    medianOf(rounds.map(({ seedMsPerMib }) => seedMsPerMib)).toFixed(2),
  ];
});
const headings = ["image", "MiB/s of plain data", "goal", "reached", "receiver ms/MiB", "seed ms/MiB"];
console.log(values.json ? JSON.stringify(results, undefined, 2) : formatTable(headings, rows));
