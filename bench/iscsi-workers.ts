/**
 * What a second worker thread brings: node bench/iscsi-workers.ts [--workers 1,2] [--machines N] [--depth N] [--seconds N]
 * [--rounds N] [--processes N] [--json]. One `ingot serve` for each number of workers, each with as many machines over one filled image;
 * light initiators in a process of their own (or more) read from all of them at once, servers take turns.
 *
 * Who asks needs a CPU as well: on two cores one worker and one process of initiators already fill both, and a second worker can only
 * show that it does no harm. The CPU per operation says what a core more would bring. With both digests on and longer reads the target has
 * most of the work, because these initiators do not check digests: there the second worker shows. A minute and a half.
 */
import { open } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { openScratchDirectory } from "./targets/scratch-directory.ts";
import { formatTable } from "./figures/table.ts";
import { cpuSecondsOf } from "./figures/process-usage.ts";
import { runForked } from "./initiator/forked.ts";
import type { LoadOrder, LoadReport } from "./initiator/load-process.ts";
import type { DiskAddress } from "./targets/disk-address.ts";
import { IngotServer } from "./targets/ingot-server.ts";

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "1,2" },
    machines: { type: "string", default: "16" },
    depth: { type: "string", default: "4" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "5" },
    processes: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

const MIB = 1_048_576;
const DISK_BYTES = 64 * MIB;
const LOADS = [
  { name: "4 KiB, no digests", bytes: 4096, digests: false },
  { name: "64 KiB, both digests", bytes: 65_536, digests: true },
] as const;

interface Server {
  readonly workers: number;
  readonly pid: number;
  readonly disks: readonly DiskAddress[];
}

interface Sample {
  readonly perSecond: number;
  readonly targetCpuUs: number;
  readonly initiatorCpuUs: number;
}

async function start(directory: string, workers: number, image: string, stack: AsyncDisposableStack): Promise<Server> {
  const own = join(directory, `workers-${workers}`);
  const server = stack.use(await IngotServer.start(own, image, ["--iscsi-workers", String(workers)]));
  const disks: DiskAddress[] = [];
  for (let i = 0; i < Number(values.machines); i++) disks.push(await server.addMachine());
  return { workers, pid: server.pid, disks };
}

async function measure(server: Server, load: { bytes: number; digests: boolean }, seconds: number): Promise<Sample> {
  const processes = Number(values.processes);
  const share = Math.ceil(server.disks.length / processes);
  const before = await cpuSecondsOf(server.pid);
  const reports = await Promise.all(
    Array.from({ length: processes }, (_unused, index) => {
      const disks = server.disks.slice(index * share, (index + 1) * share);
      const { bytes, digests } = load;
      const order: LoadOrder = { disks, diskBytes: DISK_BYTES, depth: Number(values.depth), bytes, seconds, digests };
      return runForked("load-process.ts", order) as Promise<LoadReport>;
    }),
  );
  const targetCpu = (await cpuSecondsOf(server.pid)) - before;
  const sum = (figure: (report: LoadReport) => number): number => reports.reduce((all, one) => all + figure(one), 0);
  const operations = sum((report) => report.operations);
  return {
    perSecond: sum((report) => report.operations / report.seconds),
    targetCpuUs: (targetCpu / operations) * 1e6,
    initiatorCpuUs: (sum((report) => report.cpuSeconds) / operations) * 1e6,
  };
}

/** Every megabyte has other bytes. */
async function writeImage(path: string): Promise<void> {
  const handle = await open(path, "wx");
  for (let at = 0; at < DISK_BYTES; at += MIB)
    await handle.write(Buffer.alloc(MIB, `megabyte ${at / MIB} `), 0, MIB, at);
  await handle.close();
}

await using scratch = await openScratchDirectory("workers");
const directory = scratch.path;
await using stack = new AsyncDisposableStack();
const image = join(directory, "image.raw");
await writeImage(image);
const servers: Server[] = [];
for (const workers of values.workers.split(",")) servers.push(await start(directory, Number(workers), image, stack));
for (const server of servers) await measure(server, { bytes: 262_144, digests: false }, 2);
const results = LOADS.flatMap((load) => servers.map((server) => ({ load, server, samples: [] as Sample[] })));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const result of round % 2 === 0 ? results : results.toReversed()) {
    result.samples.push(await measure(result.server, result.load, Number(values.seconds)));
  }
}
const rows = results.map(({ load, server, samples }) => {
  const rates = samples.map(({ perSecond }) => perSecond);
  const first = results.find((one) => one.load === load)?.samples.map(({ perSecond }) => perSecond) ?? [];
  return [
    `${load.name}, ${server.workers} ${server.workers === 1 ? "worker" : "workers"}`,
    formatSpread(rates),
    (medianOf(rates) / medianOf(first)).toFixed(2),
    formatSpread(
      samples.map((one) => one.targetCpuUs),
      1,
    ),
    formatSpread(
      samples.map((one) => one.initiatorCpuUs),
      1,
    ),
  ];
});
const headings = ["reads", "per second", "of the first", "target µs/op", "initiators µs/op"];
const about = `${values.machines} machines, ${values.depth} reads open on each; ${availableParallelism()} CPUs`;
const plain = results.map(({ load, server, samples }) => ({ load: load.name, workers: server.workers, samples }));
console.log(values.json ? JSON.stringify(plain, undefined, 2) : `${about}\n${formatTable(headings, rows)}`);
