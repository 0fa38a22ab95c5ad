/**
 * How near a swarm comes to what is possible: node bench/swarm.ts [--only TEXT] [--seed N] [--coarse N] [--json]. Simulates thousands of machines
 * with the swarm's own decisions over simulated links and prints time ÷ bound. Nothing is sent; the figures do not depend on the machine that
 * computes them, only the time that takes does: some 30 µs for each piece that a machine gets while all peers fit the processor's caches, some
 * 100 µs with 5,000 of them. `--coarse 4` cuts the same images into a quarter as many pieces: quicker, and the figures err on the slow side.
 */
import { parseArgs } from "node:util";
import { distributionBound } from "@ingot/swarm";
import { type SimulatedMachine, Simulation } from "@ingot/swarm/simulator";
import { seededRandom } from "@ingot/testkit/link";
import { medianOf } from "./figures/statistics.ts";
import { formatTable } from "./figures/table.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    seed: { type: "string", default: "1" },
    coarse: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});

/** 1 Gbit/s in bytes per second. */
const GIGABIT = 125e6;
const MIB = 1_048_576;
const PIECE_BYTES = 2 * MIB;

interface Scenario {
  readonly name: string;
  readonly pieceCount: number;
  /** Default 2 MiB, as images of 360 MiB to 8 GiB get them (`PieceMap`). */
  readonly pieceBytes?: number;
  readonly machines: readonly SimulatedMachine[];
  /** Bytes per second of each site's line, per direction. */
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

const slowest = (index: number): Partial<SimulatedMachine> =>
  index === 0 ? { upload: GIGABIT / 5, download: GIGABIT / 5 } : {};

/** Every tenth loses power, one after the other, while an image of so many pieces takes its time. */
const dying =
  (pieceCount: number) =>
  (index: number): Partial<SimulatedMachine> =>
    index % 10 === 0 ? { diesAt: ((index / 1000) * pieceCount * PIECE_BYTES) / GIGABIT } : {};

/** So many sites, with the switches of each its own. */
const inSites =
  (sites: number) =>
  (index: number): Partial<SimulatedMachine> => ({
    site: `site ${index % sites}`,
    switchName: `switch ${Math.floor(index / sites / 40)}`,
  });

const LINE = GIGABIT / 10;

const SCENARIOS: readonly Scenario[] = [
  { name: "room of 24", pieceCount: 2000, machines: machines(24) },
  { name: "room of 24, one at 200 Mbit/s: the others", pieceCount: 2000, machines: machines(24, slowest) },
  { name: "200 machines, one site", pieceCount: 2000, machines: machines(200) },
  { name: "1,000 machines, one site", pieceCount: 2000, machines: machines(1000) },
  { name: "1,000 machines, a tenth dies", pieceCount: 2000, machines: machines(1000, dying(2000)) },
  { name: "1,000 machines, a tenth dies, short", pieceCount: 400, machines: machines(1000, dying(400)) },
  { name: "10 sites of 100", pieceCount: 2000, machines: machines(1000, inSites(10)), lineRate: LINE },
  { name: "10 sites of 100, short", pieceCount: 400, machines: machines(1000, inSites(10)), lineRate: LINE },
  { name: "5,000 machines, one site", pieceCount: 2000, machines: machines(5000) },
  {
    name: "roll back 5,000 in 50 sites, 40 GiB",
    pieceCount: 1000,
    // Ten real pieces each: coarser than it would be, so the figure errs on the slow side.
    pieceBytes: 40 * MIB,
    machines: machines(5000, inSites(50)),
    lineRate: LINE,
  },
];

function simulate({ name, machines: all, lineRate, ...pieces }: Scenario) {
  const coarse = Number(values.coarse);
  const pieceCount = Math.round(pieces.pieceCount / coarse);
  const pieceBytes = coarse * (pieces.pieceBytes ?? PIECE_BYTES);
  const sites = new Set(all.map(({ site }) => site));
  const result = Simulation.run({
    machines: all,
    pieceCount,
    pieceBytes,
    latency: 0.0003,
    lineLatency: 0.01,
    // As long as the agent waits before it takes a silent neighbour for dead.
    deathNoticedAfter: 8,
    ...(lineRate === undefined ? {} : { siteRates: new Map([...sites].map((site) => [site, lineRate])) }),
    random: seededRandom(Number(values.seed)),
  });
  const imageBytes = pieceCount * pieceBytes;
  const fast = all.filter(({ isSeed, upload }) => isSeed !== true && upload === GIGABIT);
  const bound = distributionBound({ imageBytes, seedUpload: GIGABIT, receivers: fast });
  const overLine = lineRate === undefined ? 0 : imageBytes / lineRate;
  const seconds = Math.max(bound, overLine);
  const times = result.completed.slice(0, fast.length);
  const lastSeconds = times.at(-1) ?? Number.NaN;
  return {
    name,
    boundSeconds: seconds,
    median: medianOf(times) / seconds,
    last: lastSeconds / seconds,
    lastMinutes: lastSeconds / 60,
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
  one.lastMinutes.toFixed(1),
  one.sentPerPiece.toFixed(3),
  one.crossingsPerSite?.toFixed(3) ?? "",
  one.incomplete === 0 ? "all" : `${one.incomplete} not`,
]);
const headings = [
  "1 Gbit/s, lines 100 Mbit/s",
  "bound, s",
  "median ÷",
  "last ÷",
  "last, min",
  "sent ÷ needed",
  "per line",
  "complete",
];
console.log(values.json ? JSON.stringify(results, undefined, 2) : formatTable(headings, rows));
