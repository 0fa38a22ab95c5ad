import type { TraceSums } from "./block-trace/block-trace.ts";
import { formatSpread, medianOf } from "./figures/statistics.ts";
import { formatTable, type Goal, ratioCells } from "./figures/table.ts";

/** What one storm against one target showed. */
export interface StormFigures {
  readonly secondsToLast: number;
  readonly secondsToMedian: number;
  readonly readP50Us: number;
  readonly readP99Us: number;
  readonly reads: number;
  readonly verifiedReads: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly targetCpuSeconds: number;
  readonly replayerCpuSeconds: number;
  /** The most during the storm. */
  readonly residentBytes: number;
  /** The most during the storm: memory of the target's own, beyond pages of files. */
  readonly anonymousBytes: number;
  /** What the target had to fetch from the disk. */
  readonly fromDiskBytes: number;
}

/** What was replayed, and how. */
export interface StormFacts extends TraceSums {
  readonly trace: string;
  /** Content of the image. */
  readonly imageBytes: number;
  readonly machines: number;
  readonly think: number;
}

interface Row {
  readonly name: string;
  readonly figure: (storm: StormFigures) => number;
  readonly digits: number;
  readonly goal?: Goal;
}

const MB = 1e6;

const ROWS: readonly Row[] = [
  { name: "seconds to the last machine", figure: (one) => one.secondsToLast, digits: 2, goal: { atMost: 0.8 } },
  { name: "seconds to the middle one", figure: (one) => one.secondsToMedian, digits: 2 },
  { name: "CPU seconds of the target", figure: (one) => one.targetCpuSeconds, digits: 2, goal: { atMost: 0.6 } },
  { name: "CPU seconds of the replayer", figure: (one) => one.replayerCpuSeconds, digits: 2 },
  { name: "read latency, median, ms", figure: (one) => one.readP50Us / 1000, digits: 2 },
  { name: "read latency, 99 %, ms", figure: (one) => one.readP99Us / 1000, digits: 2 },
  { name: "memory of its own, MB", figure: (one) => one.anonymousBytes / MB, digits: 0 },
  { name: "resident memory, MB", figure: (one) => one.residentBytes / MB, digits: 0 },
  { name: "read from the disk, MB", figure: (one) => one.fromDiskBytes / MB, digits: 0 },
];

/** Memory that the server may hold beyond the page cache. */
const MAX_ANONYMOUS_BYTES = 512 * 1_048_576;

/** The table, what was verified, and what networks would have let through. */
export function formatStorm(facts: StormFacts, figures: Readonly<Record<string, readonly StormFigures[]>>): string {
  const names = Object.keys(figures);
  const rows = ROWS.map((row) => {
    const cells = names.map((name) => formatSpread((figures[name] ?? []).map(row.figure), row.digits));
    const [own, peer] = ["ingot", "tgt"].map((name) => medianOf((figures[name] ?? []).map(row.figure)));
    const hasBoth = figures["ingot"] !== undefined && figures["tgt"] !== undefined;
    return [row.name, ...cells, ...(hasBoth ? ratioCells((own ?? 0) / (peer ?? 0), row.goal) : [])];
  });
  const all = Object.values(figures).flat();
  const sum = (figure: (storm: StormFigures) => number): number => all.reduce((total, one) => total + figure(one), 0);
  const readBytes = facts.machines * facts.readBytes;
  const own = Math.max(...(figures["ingot"] ?? []).map((one) => one.anonymousBytes));
  return [
    facts.trace,
    `${facts.machines} machines, each ${facts.reads} reads of ${(facts.readBytes / MB).toFixed(1)} MB, ${facts.writes} writes of ` +
      `${(facts.writtenBytes / MB).toFixed(2)} MB and ${facts.flushes} flushes; recorded in ${facts.seconds.toFixed(0)} s; think time × ${facts.think}`,
    `one image with ${(facts.imageBytes / MB).toFixed(1)} MB for Ingot, a copy for each machine for tgt`,
    "",
    formatTable(["median (range)", ...names, "ratio", "goal", "reached"], rows),
    `${sum((one) => one.verifiedReads).toLocaleString("en")} of ${sum((one) => one.reads).toLocaleString("en")} reads were compared with what is on the disk`,
    `${(readBytes / 1e9).toFixed(1)} GB to the machines need ${((readBytes * 8) / 1e9).toFixed(0)} s on 1 GbE and ${((readBytes * 8) / 1e10).toFixed(1)} s on 10 GbE by bytes alone`,
    ...(figures["ingot"] === undefined
      ? []
      : [
          `Ingot's own memory: ${(own / 1_048_576).toFixed(0)} MiB, goal ≤ 512 MiB, ${own <= MAX_ANONYMOUS_BYTES ? "reached" : "NOT reached"}`,
        ]),
  ].join("\n");
}
