/**
 * Many machines boot at once: node bench/boot-storm.ts [--machines N] [--rounds N] [--think F] [--trace FILE] [--replayers N]
 * [--workers N] [--only ingot|tgt] [--json]. A recorded boot of a diskless Debian (`record-boot.ts`) is replayed by as many initiators as
 * there are machines, all of them light ones in one process (or more, `--replayers`), against `ingot serve` with one image and an
 * overlay for each machine, and against tgt with a copy of the image for each machine. Targets take turns; figures are medians.
 *
 * Each machine sends a command when those have been answered that were answered when the recorded machine sent it: as many are
 * open at a time as were then. `--think 1` waits in between as the recorded machine did (it was emulated and slow); 0, the default, does not
 * wait. Eight bytes of every read are compared with what must be there, the machine's own writes included.
 *
 * The image has content only where the boot reads, the copies are sparse: 57 MB for each machine, 14 GB for 250, which must fit
 * the temporary directory ($TMPDIR) and the page cache. Needs Debian's tgt. Five minutes.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { type BlockTrace, sumTrace } from "./block-trace/block-trace.ts";
import { restoreReplayImage, writeReplayImage } from "./block-trace/replay-image.ts";
import { DEBIAN_BOOT, readTraceFile } from "./block-trace/trace-file.ts";
import { cpuSecondsOf, MemoryWatch } from "./figures/process-usage.ts";
import { medianOf, percentileOf } from "./figures/statistics.ts";
import { formatStorm, type StormFigures } from "./boot-storm-report.ts";
import { type ReplayReport, replayAll } from "./initiator/replayers.ts";
import type { DiskAddress, RunningTarget } from "./targets/disk-address.ts";
import { openScratchDirectory } from "./targets/scratch-directory.ts";
import { IngotServer } from "./targets/ingot-server.ts";
import { Tgt } from "./targets/tgt.ts";

const { values } = parseArgs({
  options: {
    machines: { type: "string", default: "250" },
    rounds: { type: "string", default: "3" },
    think: { type: "string", default: "0" },
    trace: { type: "string", default: DEBIAN_BOOT },
    replayers: { type: "string", default: "1" },
    workers: { type: "string" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const run = promisify(execFile);
const machines = Number(values.machines);

interface Contestant {
  readonly name: "ingot" | "tgt";
  readonly target: RunningTarget;
  /** Disks for one storm. */
  disks(): Promise<readonly DiskAddress[]>;
}

async function storm(contestant: Contestant): Promise<StormFigures> {
  const { pid } = contestant.target;
  const disks = await contestant.disks();
  const order = { traceFile: values.trace, disks, think: Number(values.think) };
  const [cpuBefore, readBefore] = [await cpuSecondsOf(pid), await diskBytesReadBy(pid)];
  const memory = MemoryWatch.start(pid);
  const report = await replayAll(order, Number(values.replayers));
  const peak = await memory.stop();
  return {
    ...figuresOf(report),
    targetCpuSeconds: (await cpuSecondsOf(pid)) - cpuBefore,
    residentBytes: peak.residentBytes,
    anonymousBytes: peak.anonymousBytes,
    fromDiskBytes: (await diskBytesReadBy(pid)) - readBefore,
  };
}

function figuresOf(report: ReplayReport) {
  const sorted = report.readLatencyUs.toSorted();
  return {
    secondsToLast: Math.max(...report.finishedMs) / 1000,
    secondsToMedian: medianOf(report.finishedMs) / 1000,
    readP50Us: percentileOf(sorted, 0.5),
    readP99Us: percentileOf(sorted, 0.99),
    reads: sorted.length,
    verifiedReads: report.verifiedReads,
    readBytes: report.readBytes,
    writtenBytes: report.writtenBytes,
    replayerCpuSeconds: report.cpuSeconds,
  };
}

/** Bytes that a process had fetched from disks: what was not in the page cache. */
async function diskBytesReadBy(pid: number): Promise<number> {
  return Number(/^read_bytes: (\d+)/m.exec(await readFile(`/proc/${pid}/io`, "utf8"))?.[1]);
}

async function startIngot(directory: string, image: string): Promise<Contestant> {
  const workers = values.workers === undefined ? [] : ["--iscsi-workers", values.workers];
  const target = await IngotServer.start(directory, image, workers);
  const disks = async (): Promise<DiskAddress[]> => {
    const added: DiskAddress[] = [];
    for (let i = 0; i < machines; i++) added.push(await target.addMachine());
    return added;
  };
  // One machine boots ahead of the others: it fills the replica.
  await replayAll({ traceFile: values.trace, disks: [await target.addMachine()], think: 0 }, 1);
  return { name: "ingot", target, disks };
}

async function startTgt(directory: string, image: string, trace: BlockTrace): Promise<Contestant> {
  const target = await Tgt.start();
  const copies: string[] = [];
  const served: DiskAddress[] = [];
  for (let number = 1; number <= machines; number++) {
    const copy = join(directory, `copy-${number}.raw`);
    // Keeps the holes, and writes what the page cache is to hold.
    await run("cp", ["--sparse=always", "--reflink=never", image, copy]);
    served.push(await target.serve(number, copy));
    copies.push(copy);
  }
  const disks = async (): Promise<DiskAddress[]> => {
    for (const copy of copies) await restoreReplayImage(copy, trace);
    return served;
  };
  return { name: "tgt", target, disks };
}

await using scratch = await openScratchDirectory("storm");
const directory = scratch.path;
await using stack = new AsyncDisposableStack();
const trace = await readTraceFile(values.trace);
const image = join(directory, "image.raw");
const imageBytes = await writeReplayImage(image, trace);
const contestants: Contestant[] = [];
for (const start of [startIngot, startTgt]) {
  if (values.only !== undefined && start.name.toLowerCase() !== `start${values.only}`) continue;
  const contestant = await start(directory, image, trace);
  stack.use(contestant.target);
  contestants.push(contestant);
}
const figures: Record<string, StormFigures[]> = {};
for (let round = 0; round < Number(values.rounds); round++) {
  for (const contestant of round % 2 === 0 ? contestants : contestants.toReversed()) {
    console.error(`round ${round + 1}: ${contestant.name}, process ${contestant.target.pid}`);
    (figures[contestant.name] ??= []).push(await storm(contestant));
  }
}
const facts = { trace: trace.about, ...sumTrace(trace), imageBytes, machines, think: Number(values.think) };
console.log(values.json ? JSON.stringify({ ...facts, figures }, undefined, 2) : formatStorm(facts, figures));
