/**
 * Our iSCSI target against tgt: `node bench/iscsi.ts [--rounds N] [--json]`. `qemu-img bench` is the initiator of both, each target
 * serves its own copy of the same raw file from the page cache, runs alternate, figures are medians over the rounds. Needs Debian's tgt,
 * qemu-utils and qemu-block-extra. A minute and a half with the default of three rounds.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs, promisify } from "node:util";

const run = promisify(execFile);
const SIZE_BYTES = 256 * 1_048_576;
/** Ticks per second of /proc/PID/stat on every Linux that Node runs on. */
const CLOCK_TICKS = 100;

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "boolean", default: false } },
});

interface Peer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

interface Load {
  readonly name: string;
  readonly bytes: number;
  readonly depth: number;
  readonly count: number;
  readonly write?: boolean;
}

const LOADS: readonly Load[] = [
  { name: "4 KiB reads, depth 1", bytes: 4096, depth: 1, count: 30_000 },
  { name: "4 KiB reads, depth 32", bytes: 4096, depth: 32, count: 100_000 },
  { name: "256 KiB reads, depth 1", bytes: 262_144, depth: 1, count: 3000 },
  { name: "256 KiB reads, depth 32", bytes: 262_144, depth: 32, count: 6000 },
  { name: "4 KiB writes, depth 1", bytes: 4096, depth: 1, count: 30_000, write: true },
  { name: "4 KiB writes, depth 32", bytes: 4096, depth: 32, count: 100_000, write: true },
  { name: "256 KiB writes, depth 32", bytes: 262_144, depth: 32, count: 4000, write: true },
];

async function main(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "ingot-bench-iscsi-"));
  const peers: Peer[] = [];
  try {
    peers.push(await startIngot(await imageIn(dir, "ingot.raw")), await startTgt(await imageIn(dir, "tgt.raw")));
    const table = [];
    for (const load of LOADS) table.push(await compare(load, peers));
    if (values.json) process.stdout.write(`${JSON.stringify(table, undefined, 2)}\n`);
    else print(table);
  } finally {
    for (const peer of peers) await peer.stop();
    await rm(dir, { recursive: true });
  }
}

async function compare(load: Load, peers: readonly Peer[]) {
  const rates = peers.map((): number[] => []);
  const cpu = peers.map((): number[] => []);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [i, peer] of peers.entries()) {
      const result = await measure(load, peer);
      rates[i]?.push(result.operationsPerSecond);
      cpu[i]?.push(result.cpuMicroseconds);
    }
  }
  const [ingotRate = 0, tgtRate = 0] = rates.map(median);
  const [ingotCpu = 0, tgtCpu = 0] = cpu.map(median);
  return {
    load: load.name,
    ingotRate,
    tgtRate,
    rateRatio: ingotRate / tgtRate,
    ingotCpu,
    tgtCpu,
    cpuRatio: ingotCpu / tgtCpu,
  };
}

async function measure(load: Load, peer: Peer): Promise<{ operationsPerSecond: number; cpuMicroseconds: number }> {
  const before = await cpuSecondsOf(peer.pid);
  const options = [
    "bench",
    "-t",
    "none",
    "-f",
    "raw",
    "-c",
    String(load.count),
    "-d",
    String(load.depth),
    "-s",
    String(load.bytes),
  ];
  const { stdout } = await run("qemu-img", [...options, ...(load.write === true ? ["-w"] : []), peer.url]);
  const seconds = Number(/Run completed in ([0-9.]+) seconds/.exec(stdout)?.[1]);
  const used = (await cpuSecondsOf(peer.pid)) - before;
  return { operationsPerSecond: load.count / seconds, cpuMicroseconds: (used / load.count) * 1e6 };
}

/** User and system time of a process with all its threads. */
async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(table: readonly Awaited<ReturnType<typeof compare>>[]): void {
  const row = (cells: readonly string[]): string =>
    `${cells[0]?.padEnd(26)}${cells
      .slice(1)
      .map((cell) => cell.padStart(12))
      .join("")}\n`;
  process.stdout.write(row(["", "Ingot op/s", "tgt op/s", "ratio", "Ingot µs/op", "tgt µs/op", "ratio"]));
  for (const one of table) {
    const rates = [one.ingotRate.toFixed(0), one.tgtRate.toFixed(0), one.rateRatio.toFixed(2)];
    process.stdout.write(
      row([one.load, ...rates, one.ingotCpu.toFixed(1), one.tgtCpu.toFixed(1), one.cpuRatio.toFixed(2)]),
    );
  }
}

async function imageIn(dir: string, name: string): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, Buffer.alloc(SIZE_BYTES, 0x5a));
  return path;
}

async function startIngot(path: string): Promise<Peer> {
  const script = new URL("../packages/iscsi/test/serve.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, "--file", path], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const port = line.split(" ")[1] ?? "";
  return {
    name: "Ingot",
    url: `iscsi://127.0.0.1:${port}/iqn.2026-11.org.ingot:test/0`,
    pid: child.pid ?? 0,
    stop: () => stop(child),
  };
}

/** tgt as Debian ships it, in the foreground, with a control socket and a port of its own. */
async function startTgt(path: string): Promise<Peer> {
  const port = await freePort();
  // Its control sockets are numbered to 32767.
  const control = String(port % 32_768);
  const child = spawn("tgtd", ["-f", "-C", control, "--iscsi", `portal=127.0.0.1:${port}`], { stdio: "ignore" });
  const name = "iqn.2026-11.org.ingot:tgt";
  const admin = (...options: string[]) => run("tgtadm", ["-C", control, "--lld", "iscsi", ...options]);
  for (let tries = 0; ; tries++) {
    try {
      await admin("--op", "new", "--mode", "target", "--tid", "1", "-T", name);
      break;
    } catch (error) {
      if (tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  await admin("--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", path);
  await admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL");
  return { name: "tgt", url: `iscsi://127.0.0.1:${port}/${name}/1`, pid: child.pid ?? 0, stop: () => stop(child) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  // tgtd in the foreground ends only on SIGKILL while sessions linger.
  child.kill("SIGKILL");
  await exited;
}

await main();
