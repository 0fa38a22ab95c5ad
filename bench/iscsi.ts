/**
 * Our iSCSI target beside tgt: node bench/iscsi.ts [--rounds N] [--only TEXT] [--scale F] [--json]. `qemu-img bench` is the initiator
 * of all. Three targets take turns in every round: `@ingot/iscsi` over a raw file, `ingot serve` with an overlay over a filled replica,
 * and tgt with its default threads over a raw file; all of the same size, with everything in the page cache. Figures are medians over
 * the rounds with the least and the most beside them. Each round of first writes has a disk of its own that nobody has written to: a new
 * machine for Ingot, a new sparse file for tgt and the raw file. Needs Debian's tgt, qemu-utils and qemu-block-extra; five minutes
 * with the default of five rounds.
 */
import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { openScratchDirectory } from "./targets/scratch-directory.ts";
import { formatTable, ratioCells } from "./figures/table.ts";
import { cpuSecondsOf } from "./figures/process-usage.ts";
import { type Contestant, openContestants, type ServedDisk } from "./targets/contestants.ts";
import { formatUrl } from "./targets/disk-address.ts";
import { LOADS, type Load } from "./iscsi-loads.ts";

const run = promisify(execFile);

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    scale: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

interface Sample {
  readonly perSecond: number;
  /** Microseconds of the target's CPU for one operation. */
  readonly cpuUs: number;
}

interface Result {
  readonly load: Load;
  /** By contestant, one for each round. */
  readonly samples: Readonly<Record<string, readonly Sample[]>>;
}

async function measure(load: Load, { pid, disk }: ServedDisk): Promise<Sample> {
  const count = Math.max(1, Math.round(load.count * Number(values.scale)));
  const size = ["-c", String(count), "-d", String(load.depth), "-s", String(load.bytes)];
  const options = ["bench", "-t", "none", "-f", "raw", ...size, ...(load.writes === undefined ? [] : ["-w"])];
  const before = await cpuSecondsOf(pid);
  const { stdout } = await run("qemu-img", [...options, formatUrl(disk)]);
  const cpuSeconds = (await cpuSecondsOf(pid)) - before;
  const seconds = Number(/Run completed in ([0-9.]+) seconds/.exec(stdout)?.[1]);
  return { perSecond: count / seconds, cpuUs: (cpuSeconds / count) * 1e6 };
}

/** One round of one load: every contestant once. The order turns, so that nobody is always first. */
async function playRound(loads: readonly Load[], contestants: readonly Contestant[], round: number) {
  const turned = contestants.map((_one, i) => contestants[(i + round) % contestants.length] as Contestant);
  const samples = new Map<Load, Map<string, Sample>>(loads.map((load) => [load, new Map()]));
  for (const load of loads) {
    if (load.writes === "again") continue;
    // The second writing of each block needs the first on the same disk.
    const followers = load.writes === "first" ? loads.filter(({ writes }) => writes === "again") : [];
    for (const contestant of turned) {
      const disk = load.writes === "first" ? await contestant.fresh() : contestant.filled;
      for (const each of [load, ...followers]) {
        samples.get(each)?.set(contestant.name, await measure(each, disk));
      }
    }
  }
  return samples;
}

async function play(contestants: readonly Contestant[]): Promise<Result[]> {
  const isWanted = ({ name }: Load): boolean => name.includes(values.only);
  const isAgain = LOADS.some((load) => load.writes === "again" && isWanted(load));
  const loads = LOADS.filter((load) => isWanted(load) || (load.writes === "first" && isAgain));
  const results = loads.map((load) => ({
    load,
    samples: Object.fromEntries(contestants.map(({ name }) => [name, [] as Sample[]])),
  }));
  for (let round = 0; round < Number(values.rounds); round++) {
    const samples = await playRound(loads, contestants, round);
    for (const { load, samples: all } of results) {
      for (const [name, sample] of samples.get(load) ?? []) all[name]?.push(sample);
    }
  }
  return results;
}

function rowsOf({ load, samples }: Result, figure: keyof Sample): string[][] {
  const figures = (name: string): number[] => (samples[name] ?? []).map((sample) => sample[figure]);
  const digits = figure === "cpuUs" ? 1 : 0;
  const peer = figures("tgt");
  const goal = figure === "cpuUs" ? load.cpuGoal : load.rateGoal;
  return Object.keys(samples).map((name) => {
    const own = figures(name);
    const cells = name === "tgt" ? ["", "", ""] : ratioCells(medianOf(own) / medianOf(peer), goal);
    return [load.name, name, formatSpread(own, digits), ...cells];
  });
}

await using scratch = await openScratchDirectory("iscsi");
const directory = scratch.path;
await using opened = await openContestants(directory);
const results = await play(opened.contestants);
if (values.json) console.log(JSON.stringify(results, undefined, 2));
else {
  const headings = ["", "target", "median (range)", "of tgt's", "goal", "reached"];
  console.log(
    `operations per second\n${formatTable(
      headings,
      results.flatMap((one) => rowsOf(one, "perSecond")),
    )}`,
  );
  console.log(
    `µs of the target's CPU per operation\n${formatTable(
      headings,
      results.flatMap((one) => rowsOf(one, "cpuUs")),
    )}`,
  );
}
