import type { SessionFlow } from "@ingot/api";
import { addNew, hasNew, type LatencyBuckets, percentileUs, scaleBuckets } from "./latency-buckets.ts";
import { RateWindow } from "./rate-window.ts";
import type { SessionReport } from "./session-report.ts";

/** A command counts half for the latencies after so long. */
const LATENCY_HALF_LIFE_MS = 20_000;

/** What was done over one session or several. */
export interface CommandTotals {
  readBytes: number;
  writtenBytes: number;
  readCommands: number;
  writeCommands: number;
  otherCommands: number;
  failedCommands: number;
}

/** What was done, and how long it took. */
export interface TrafficTotals extends CommandTotals {
  readonly readLatency: number[];
  readonly writeLatency: number[];
}

/** Totals that are nothing. */
export function zeroTotals(): CommandTotals {
  return {
    readBytes: 0,
    writtenBytes: 0,
    readCommands: 0,
    writeCommands: 0,
    otherCommands: 0,
    failedCommands: 0,
  };
}

/** Adds `more` to `sum`. */
export function addTotals(sum: CommandTotals, more: CommandTotals): void {
  sum.readBytes += more.readBytes;
  sum.writtenBytes += more.writtenBytes;
  sum.readCommands += more.readCommands;
  sum.writeCommands += more.writeCommands;
  sum.otherCommands += more.otherCommands;
  sum.failedCommands += more.failedCommands;
}

/** Makes rates and latencies of one session out of its reports. */
export class SessionMeter {
  readonly #read: FlowMeter;
  readonly #write: FlowMeter;
  #last: SessionReport | undefined;

  /** A session that began at `startedMs`. */
  constructor(startedMs: number) {
    this.#read = new FlowMeter(startedMs);
    this.#write = new FlowMeter(startedMs);
  }

  /**
   * Takes the next report, which came at `nowMs`; answers what was done since the one before, or since the session's beginning,
   * and adds the latencies of it to `sum`.
   */
  take(report: SessionReport, nowMs: number, sum: Pick<TrafficTotals, "readLatency" | "writeLatency">): CommandTotals {
    const before = this.#last;
    const { readBytes, readCommands, readLatency, writtenBytes, writeCommands, writeLatency } = report;
    addNew(sum.readLatency, readLatency, before?.readLatency ?? []);
    addNew(sum.writeLatency, writeLatency, before?.writeLatency ?? []);
    this.#read.take(nowMs, readBytes, readCommands, readLatency, before?.readLatency ?? []);
    this.#write.take(nowMs, writtenBytes, writeCommands, writeLatency, before?.writeLatency ?? []);
    this.#last = report;
    return {
      readBytes: since(readBytes, before?.readBytes),
      writtenBytes: since(writtenBytes, before?.writtenBytes),
      readCommands: since(readCommands, before?.readCommands),
      writeCommands: since(writeCommands, before?.writeCommands),
      otherCommands: since(report.otherCommands, before?.otherCommands),
      failedCommands: since(report.failedCommands, before?.failedCommands),
    };
  }

  /** Reads, as the API shows them. */
  get read(): SessionFlow {
    return this.#read.flow();
  }

  /** Writes, as the API shows them. */
  get write(): SessionFlow {
    return this.#write.flow();
  }
}

function since(now: number, then = 0): number {
  return Math.max(0, now - then);
}

/** Rates and latencies of one direction. */
class FlowMeter {
  readonly #bytes: RateWindow;
  readonly #commands: RateWindow;
  /** As it was at `#fadedMs`. */
  readonly #latency: number[] = [];
  #fadedMs: number;
  #nowMs: number;

  constructor(startedMs: number) {
    this.#bytes = new RateWindow(startedMs);
    this.#commands = new RateWindow(startedMs);
    this.#fadedMs = startedMs;
    this.#nowMs = startedMs;
  }

  take(nowMs: number, bytes: number, commands: number, latency: LatencyBuckets, before: LatencyBuckets): void {
    this.#nowMs = nowMs;
    this.#bytes.put(nowMs, bytes);
    this.#commands.put(nowMs, commands);
    // Not by the number of commands: a slow one came with an earlier report.
    if (!hasNew(latency, before)) return;
    scaleBuckets(this.#latency, this.#weight);
    this.#fadedMs = nowMs;
    addNew(this.#latency, latency, before);
  }

  flow(): SessionFlow {
    const weight = this.#weight;
    return {
      bytes: this.#bytes.total,
      commands: this.#commands.total,
      bytesPerSecond: Math.round(this.#bytes.perSecond),
      commandsPerSecond: Math.round(this.#commands.perSecond * 10) / 10,
      p50Us: percentileUs(this.#latency, 0.5, weight),
      p99Us: percentileUs(this.#latency, 0.99, weight),
    };
  }

  /** What is left of a command that counted whole when the latencies were faded the last time. */
  get #weight(): number {
    return 0.5 ** (Math.max(0, this.#nowMs - this.#fadedMs) / LATENCY_HALF_LIFE_MS);
  }
}
