import type { Goal } from "./figures/table.ts";

/** One row of the comparison. */
export interface Load {
  readonly name: string;
  /** Of one operation. */
  readonly bytes: number;
  readonly depth: number;
  readonly count: number;
  /** Absent: reads. `first`: every block for the first time, on a disk of its own. `again`: the same blocks on that disk. */
  readonly writes?: "first" | "again";
  /** Operations per second as a share of tgt's. */
  readonly rateGoal?: Goal;
  /** The target's CPU per operation as a share of tgt's. */
  readonly cpuGoal?: Goal;
}

const KIB = 1024;

/** Bytes of the disk that is measured; loads of writes cover it exactly once. */
export const DISK_BYTES: number = 256 * KIB * KIB;

/** What is compared; the goals are the project's own. */
export const LOADS: readonly Load[] = [
  {
    name: "4 KiB reads, depth 32",
    bytes: 4 * KIB,
    depth: 32,
    count: 100_000,
    rateGoal: { atLeast: 1.25 },
    cpuGoal: { atMost: 0.6 },
  },
  { name: "4 KiB reads, depth 1", bytes: 4 * KIB, depth: 1, count: 30_000, rateGoal: { atLeast: 1.2 } },
  {
    name: "256 KiB reads, depth 32",
    bytes: 256 * KIB,
    depth: 32,
    count: 6000,
    rateGoal: { atLeast: 1.1 },
    cpuGoal: { atMost: 0.8 },
  },
  { name: "256 KiB reads, depth 1", bytes: 256 * KIB, depth: 1, count: 3000 },
  {
    name: "4 KiB writes, depth 32, first",
    bytes: 4 * KIB,
    depth: 32,
    count: DISK_BYTES / (4 * KIB),
    writes: "first",
    rateGoal: { atLeast: 1 },
    cpuGoal: { atMost: 0.6 },
  },
  {
    name: "4 KiB writes, depth 32, again",
    bytes: 4 * KIB,
    depth: 32,
    count: DISK_BYTES / (4 * KIB),
    writes: "again",
    rateGoal: { atLeast: 1.2 },
    cpuGoal: { atMost: 0.6 },
  },
];
