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
}

/** Reads /proc/PID/smaps_rollup. */
async function memoryOf(pid: number): Promise<MemoryUse> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]) * 1024;
  return { residentBytes: bytesOf("Rss"), anonymousBytes: bytesOf("Anonymous") };
}

/** How often a watch looks. */
const WATCH_INTERVAL_MS = 500;

/** Looks at a process's memory again and again and keeps the most. */
export class MemoryWatch {
  readonly #pid: number;
  readonly #timer: NodeJS.Timeout;
  #residentBytes = 0;
  #anonymousBytes = 0;
  #failure: unknown;

  private constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => {
      this.#look().catch((error: unknown) => (this.#failure = error));
    }, WATCH_INTERVAL_MS);
  }

  /** Begins to look. */
  static start(pid: number): MemoryWatch {
    return new MemoryWatch(pid);
  }

  /** Ends with a last look. Rejects when the process was gone before. */
  async stop(): Promise<MemoryUse> {
    clearInterval(this.#timer);
    await this.#look();
    if (this.#failure !== undefined) throw this.#failure;
    return { residentBytes: this.#residentBytes, anonymousBytes: this.#anonymousBytes };
  }

  async #look(): Promise<void> {
    const { residentBytes, anonymousBytes } = await memoryOf(this.#pid);
    this.#residentBytes = Math.max(this.#residentBytes, residentBytes);
    this.#anonymousBytes = Math.max(this.#anonymousBytes, anonymousBytes);
  }
}
