/**
 * How near a swarm comes to what is possible: node bench/swarm.ts [--only TEXT] [--seed N] [--json]. Simulates thousands of machines with
 * the swarm's own decisions over simulated links and prints time ÷ bound. Nothing is sent; the figures do not depend on the machine that
 * computes them, only the time that takes does: a quarter of an hour for all, half a minute for `--only room`.
 */
import { parseArgs } from "node:util";
import { distributionBound } from "@ingot/swarm";
import { type SimulatedMachine, Simulation } from "@ingot/swarm/simulator";
import { seededRandom } from "@ingot/testkit/link";
import { formatTable } from "./figures/table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

/** 1 Gbit/s in bytes per second. */
const GIGABIT = 125e6;
const PIECE_BYTES = 4 * 1_048_576;

interface Scenario {
  readonly name: string;
  readonly pieceCount: number;
  readonly machines: readonly SimulatedMachine[];
  /** Rate of each site's line. */
  readonly lineRate?: number;
}

const SEED: SimulatedMachine = {
  site: "site 0",
  switchName: "switch 0",
  isSeed: true,
  upload: GIGABIT,
  download: GIGABIT,
};

function machines(count: number, facts: (index: number) => Partial<SimulatedMachine> = () => ({})): SimulatedMachine[] {
  const one = (index: number): SimulatedMachine => ({
    site: "site 0",
    switchName: `switch ${index % Math.ceil(count / 40)}`,
    upload: GIGABIT,
    download: GIGABIT,
    ...facts(index),
  });
  return [SEED, ...Array.from({ length: count }, (_unused, index) => one(index))];
}

/** Seconds that an image of so many pieces takes at 1 Gbit/s. */
const secondsOf = (pieceCount: number): number => (pieceCount * PIECE_BYTES) / GIGABIT;

const SCENARIOS: readonly Scenario[] = [
  { name: "room of 24", pieceCount: 1000, machines: machines(24) },
  { name: "room of 24, one at 200 Mbit/s", pieceCount: 1000, machines: machines(24, slowest) },
  { name: "200 machines", pieceCount: 1000, machines: machines(200) },
  { name: "1,000 machines", pieceCount: 1000, machines: machines(1000) },
  { name: "1,000 machines, a tenth dies", pieceCount: 1000, machines: machines(1000, dying) },
  {
    name: "1,000 machines, 10 sites, 100 Mbit/s",
    pieceCount: 200,
    machines: machines(1000, (index) => ({ site: `site ${index % 10}` })),
    lineRate: GIGABIT / 10,
  },
  { name: "5,000 machines", pieceCount: 1000, machines: machines(5000) },
];

function slowest(index: number): Partial<SimulatedMachine> {
  return index === 0 ? { upload: GIGABIT / 5, download: GIGABIT / 5 } : {};
}

function dying(index: number): Partial<SimulatedMachine> {
  return index % 10 === 0 ? { diesAt: (index / 1000) * secondsOf(1000) } : {};
}

function simulate({ name, pieceCount, machines: all, lineRate }: Scenario) {
  const sites = new Set(all.map(({ site }) => site));
  const result = Simulation.run({
    machines: all,
    pieceCount,
    pieceBytes: PIECE_BYTES,
    latency: 0.0003,
    deathNoticedAfter: 2,
    ...(lineRate === undefined ? {} : { siteRates: new Map([...sites].map((site) => [site, lineRate])) }),
    random: seededRandom(Number(values.seed)),
  });
  const imageBytes = pieceCount * PIECE_BYTES;
  const fast = all.filter(({ isSeed, upload }) => isSeed !== true && upload === GIGABIT);
  const bound = distributionBound({ imageBytes, seedUpload: GIGABIT, receivers: fast });
  const overLine = lineRate === undefined ? 0 : imageBytes / lineRate;
  const seconds = Math.max(bound, overLine);
  const times = result.completed.slice(0, fast.length);
  return {
    name,
    boundSeconds: seconds,
    median: (times[Math.floor(times.length / 2)] ?? Number.NaN) / seconds,
    last: (times.at(-1) ?? Number.NaN) / seconds,
    incomplete: result.incomplete,
    sentPerPiece: result.transfers / (result.completed.length * pieceCount),
    crossingsPerSite: sites.size > 1 ? result.crossings / pieceCount / (sites.size - 1) : undefined,
  };
}

const results = [];
for (const scenario of SCENARIOS.filter(({ name }) => name.includes(values.only))) {
  console.error(scenario.name);
  const result = simulate(scenario);
  results.push(result);
  console.error(`  median ${result.median.toFixed(3)}, last ${result.last.toFixed(3)} times the bound`);
}
const rows = results.map((one) => [
  one.name,
  one.boundSeconds.toFixed(1),
  one.median.toFixed(3),
  one.last.toFixed(3),
  one.sentPerPiece.toFixed(3),
  one.crossingsPerSite?.toFixed(2) ?? "",
  one.incomplete === 0 ? "all" : `${one.incomplete} not`,
]);
const headings = [
  "1 Gbit/s, pieces of 4 MiB",
  "bound, s",
  "median ÷",
  "last ÷",
  "sent ÷ needed",
  "per line",
  "complete",
];
console.log(values.json ? JSON.stringify(results, undefined, 2) : formatTable(headings, rows));
