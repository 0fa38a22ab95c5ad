import { readFile } from "node:fs/promises";

/** Ticks per second of /proc/PID/stat on every Linux that Node runs on. */
const CLOCK_TICKS = 100;

/** Seconds of CPU that a process has used since it began, user and system, all its threads. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold anything, spaces included.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** What a process holds in memory, in bytes. */
export interface MemoryUse {
  /** Everything mapped and present, pages of files included. */
  readonly residentBytes: number;
  /** What is the process's own and no page of a file. */
  readonly anonymousBytes: number;
  /** The most that was resident since the process began. */
  readonly peakResidentBytes: number;
}

/** Reads /proc/PID/smaps_rollup and status. */
export async function memoryOf(pid: number): Promise<MemoryUse> {
  const [rollup, status] = await Promise.all([
    readFile(`/proc/${pid}/smaps_rollup`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  const bytesOf = (text: string, name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1]) * 1024;
  return {
    residentBytes: bytesOf(rollup, "Rss"),
    anonymousBytes: bytesOf(rollup, "Anonymous"),
    peakResidentBytes: bytesOf(status, "VmHWM"),
  };
}
