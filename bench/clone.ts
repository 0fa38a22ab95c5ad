/**
 * One image to many machines, Ingot beside others: node bench/clone.ts [--receivers N] [--rate MBIT] [--mib N] [--rounds N]
 * [--methods A,B] [--loss PERCENT] [--slow MBIT] [--json]. A classroom of network namespaces with links shaped both ways; random bytes; every method
 * gets the same file over the same links, and they take turns in every round. The clock starts when the receivers' programs are started and stops
 * when the last copy is complete and verified: programs that do not verify are followed by a hash of each copy, all at once.
 * Afterwards, untimed, every copy is compared. bound = max(F / us, F / dmin, N F / (us + Σ ui)), of the links' rate with headers.
 * Everything is on tmpfs and in the same two cores: with many receivers at high rates it is the processor that is measured.
 * Needs root and Debian's aria2, opentracker, udpcast, uftp, nftables, iproute2, openssl.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { distributionBound } from "@ingot/swarm";
import { requireTools, runCommand } from "@ingot/testkit/lab";
import { aria2 } from "./clone/aria2.ts";
import { Classroom } from "./clone/classroom.ts";
import { ingot } from "./clone/ingot.ts";
import type { CloneMethod, CloneRun } from "./clone/method.ts";
import { udpcast, uftp } from "./clone/multicast-peers.ts";
import { cpuSecondsOf } from "./figures/process-usage.ts";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { formatTable } from "./figures/table.ts";
import { WarmMemory } from "./figures/warm-memory.ts";

const { values } = parseArgs({
  options: {
    receivers: { type: "string", default: "8" },
    rate: { type: "string", default: "200" },
    mib: { type: "string", default: "256" },
    rounds: { type: "string", default: "3" },
    methods: { type: "string", default: "ingot p2p,aria2,ingot multicast,udpcast,uftp" },
    loss: { type: "string", default: "0" },
    slow: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

const ALL: readonly CloneMethod[] = [ingot("p2p"), ingot("multicast"), ingot("auto"), aria2, udpcast, uftp];
const MAX_SECONDS = 600;
/** Each receiver has its copy, buffers and a program. */
const MEMORY_PER_COPY = 1.5;
const [receivers, linkMbit, mib, rounds] = [values.receivers, values.rate, values.mib, values.rounds].map(Number) as [
  number,
  number,
  number,
  number,
];
const slow = new Map(values.slow === undefined ? [] : [[receivers, Number(values.slow)]]);

interface Sample {
  /** Seconds until the first and the last copy was complete and verified; with a slow receiver the last of the others. */
  readonly first: number;
  readonly last: number;
  /** The slow receiver's. */
  readonly straggler: number | undefined;
  /** Share of all cores that were busy. */
  readonly busy: number;
  /** Seconds of CPU of one receiver, in the middle; those who do not verify have the hash beside it. */
  readonly receiverCpu: number;
  /** What left the server's link, in files. */
  readonly serverSent: number;
}

async function play(method: CloneMethod, image: string, sum: string): Promise<Sample> {
  const folder = await mkdtemp("/dev/shm/ingot-clone-");
  const hook = join(folder, "say-done");
  await writeFile(hook, '#!/bin/sh\n: > "$CLONE_COMPLETE"\n');
  await chmod(hook, 0o755);
  await using classroom = await Classroom.open({ receivers, linkMbit, slow, loss: Number(values.loss) / 100 });
  const run: CloneRun = { classroom, linkMbit, image, serverDirectory: join(folder, "srv"), hook };
  try {
    await mkdir(run.serverDirectory);
    const seats = await Promise.all(
      classroom.receivers.map(async (seat, i) => {
        const directory = join(folder, `c${i + 1}`);
        await mkdir(directory);
        return { number: i + 1, seat, directory };
      }),
    );
    await method.prepare(run);
    await method.serve(run);
    using _memory = WarmMemory.touch(folder, receivers * mib * 2 ** 20 * MEMORY_PER_COPY);
    const sentBefore = await classroom.serverSentBytes();
    const cpuBefore = await cpuTimes();
    const started = performance.now();
    const running = seats.map((seat) => method.receive(run, seat));
    const seconds = (): number => (performance.now() - started) / 1000;
    const sending = method.send?.(run);
    const ends = Promise.all(
      running.map(async ({ done, copy }) => {
        await done;
        if (!method.verifies && (await opensslSum(copy)) !== sum) throw new Error(`${method.name}: ${copy} is damaged`);
        return seconds();
      }),
    );
    const times = await Promise.race([ends, tooLong(method.name)]);
    await sending;
    const cpuAfter = await cpuTimes();
    const cpu = await Promise.all(running.map(({ process: { child } }) => cpuOf(child.pid ?? 0)));
    const serverSent = (await classroom.serverSentBytes()) - sentBefore;
    for (const { copy } of running) if ((await sumOf(copy)) !== sum) throw new Error(`${method.name}: ${copy} differs`);
    const regular = times.filter((_time, i) => !slow.has(i + 1));
    return {
      first: Math.min(...regular),
      last: Math.max(...regular),
      straggler: slow.size > 0 ? times[receivers - 1] : undefined,
      busy: (cpuAfter.busy - cpuBefore.busy) / (cpuAfter.all - cpuBefore.all),
      receiverCpu: medianOf(cpu),
      serverSent: serverSent / (mib * 2 ** 20),
    };
  } finally {
    await classroom[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}

async function tooLong(name: string): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, MAX_SECONDS * 1000).unref());
  throw new Error(`${name}: not done after ${MAX_SECONDS} s`);
}

async function sumOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** In a process of its own, as the receiver of a tool without verification would do it. */
async function opensslSum(path: string): Promise<string> {
  const { stdout } = await runCommand("openssl", ["dgst", "-sha256", "-r", path]);
  return stdout.slice(0, 64);
}

/** NaN for a program that has ended already. */
function cpuOf(pid: number): Promise<number> {
  return cpuSecondsOf(pid).catch(() => Number.NaN);
}

async function cpuTimes(): Promise<{ busy: number; all: number }> {
  const [line = ""] = (await readFile("/proc/stat", "utf8")).split("\n");
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, each) => sum + each, 0);
  return { all, busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

const names = values.methods.split(",");
const methods = names.map((name) => {
  const found = ALL.find((method) => method.name === name);
  if (found === undefined)
    throw new Error(`--methods ${name}: expected ${ALL.map((method) => method.name).join(", ")}`);
  return found;
});
requireTools([
  "ip",
  "tc",
  "openssl",
  ...(Number(values.loss) > 0 ? ["nft"] : []),
  ...methods.flatMap(({ tools }) => tools),
]);

const scratch = await mkdtemp("/dev/shm/ingot-clone-image-");
const image = join(scratch, "image");
await runCommand("dd", ["if=/dev/urandom", `of=${image}`, "bs=1M", `count=${mib}`, "status=none"]);
const sum = await sumOf(image);
const link = (linkMbit * 1e6) / 8;
const bound = distributionBound({
  imageBytes: mib * 2 ** 20,
  seedUpload: link,
  receivers: Array.from({ length: receivers }, () => ({ download: link, upload: link })),
});
const samples = new Map<string, Sample[]>(methods.map(({ name }) => [name, []]));
try {
  for (let round = 0; round < rounds; round++) {
    // The order turns, so that nobody is always first.
    for (let i = 0; i < methods.length; i++) {
      const method = methods[(i + round) % methods.length] as CloneMethod;
      const sample = await play(method, image, sum);
      samples.get(method.name)?.push(sample);
      console.error(
        `round ${round + 1}: ${method.name}: ${sample.last.toFixed(2)} s, ${(sample.last / bound).toFixed(2)} × bound`,
      );
    }
  }
} finally {
  await rm(scratch, { recursive: true });
}

if (values.json) console.log(JSON.stringify({ receivers, linkMbit, mib, bound, samples: Object.fromEntries(samples) }));
else {
  const peer = medianOf((samples.get("aria2") ?? []).map(({ last }) => last));
  const rows = [...samples].map(([name, all]) => {
    const last = medianOf(all.map((each) => each.last));
    return [
      name,
      formatSpread(
        all.map((each) => each.first),
        1,
      ),
      formatSpread(
        all.map((each) => each.last),
        1,
      ),
      (last / bound).toFixed(2),
      Number.isNaN(peer) ? "" : (last / peer).toFixed(2),
      slow.size === 0
        ? ""
        : formatSpread(
            all.map((each) => each.straggler ?? Number.NaN),
            1,
          ),
      `${Math.round(medianOf(all.map((each) => each.busy)) * 100)} %`,
      medianOf(all.map((each) => each.receiverCpu)).toFixed(2),
      medianOf(all.map((each) => each.serverSent)).toFixed(2),
    ];
  });
  console.log(`${receivers} receivers on ${linkMbit} Mbit/s, ${mib} MiB; bound ${bound.toFixed(1)} s`);
  const headings = [
    "",
    "first s",
    "last s",
    "÷ bound",
    "÷ aria2",
    "slow one s",
    "CPU",
    "of a receiver s",
    "server sent × F",
  ];
  console.log(formatTable(headings, rows));
}
