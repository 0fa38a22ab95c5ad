import type { SessionFlow } from "@ingot/api";
import { addBuckets, type LatencyBuckets, newSince, percentileUs } from "./latency-buckets.ts";
import { RateWindow } from "./rate-window.ts";
import type { SessionReport } from "./session-report.ts";

/** A command counts half for the latencies after so long. */
const LATENCY_HALF_LIFE_MS = 20_000;

/** What was done over one session or several. */
export interface TrafficTotals {
  readBytes: number;
  writtenBytes: number;
  readCommands: number;
  writeCommands: number;
  otherCommands: number;
  failedCommands: number;
  readonly readLatency: number[];
  readonly writeLatency: number[];
}

/** Totals that are nothing. */
export function zeroTotals(): TrafficTotals {
  return {
    readBytes: 0,
    writtenBytes: 0,
    readCommands: 0,
    writeCommands: 0,
    otherCommands: 0,
    failedCommands: 0,
    readLatency: [],
    writeLatency: [],
  };
}

/** Adds `more` to `sum`. */
export function addTotals(sum: TrafficTotals, more: TrafficTotals): void {
  sum.readBytes += more.readBytes;
  sum.writtenBytes += more.writtenBytes;
  sum.readCommands += more.readCommands;
  sum.writeCommands += more.writeCommands;
  sum.otherCommands += more.otherCommands;
  sum.failedCommands += more.failedCommands;
  addBuckets(sum.readLatency, more.readLatency);
  addBuckets(sum.writeLatency, more.writeLatency);
}

/** Makes rates and latencies of one session out of its reports. */
export class SessionMeter {
  readonly #read: FlowMeter;
  readonly #write: FlowMeter;
  #last: SessionReport | undefined;
  #lastMs: number;

  /** A session that began at `startedMs`. */
  constructor(startedMs: number) {
    this.#read = new FlowMeter(startedMs);
    this.#write = new FlowMeter(startedMs);
    this.#lastMs = startedMs;
  }

  /** Takes the next report, which came at `nowMs`; answers what was done since the one before, or since the session's beginning. */
  take(report: SessionReport, nowMs: number): TrafficTotals {
    const before = this.#last;
    const since = (now: number, then = 0): number => Math.max(0, now - then);
    const done: TrafficTotals = {
      readBytes: since(report.readBytes, before?.readBytes),
      writtenBytes: since(report.writtenBytes, before?.writtenBytes),
      readCommands: since(report.readCommands, before?.readCommands),
      writeCommands: since(report.writeCommands, before?.writeCommands),
      otherCommands: since(report.otherCommands, before?.otherCommands),
      failedCommands: since(report.failedCommands, before?.failedCommands),
      readLatency: newSince(report.readLatency, before?.readLatency ?? []),
      writeLatency: newSince(report.writeLatency, before?.writeLatency ?? []),
    };
    const elapsedMs = Math.max(0, nowMs - this.#lastMs);
    const { readBytes, readCommands, writtenBytes, writeCommands } = report;
    this.#read.take({ atMs: nowMs, bytes: readBytes, commands: readCommands }, done.readLatency, elapsedMs);
    this.#write.take({ atMs: nowMs, bytes: writtenBytes, commands: writeCommands }, done.writeLatency, elapsedMs);
    this.#last = report;
    this.#lastMs = nowMs;
    return done;
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

/** Rates and latencies of one direction. */
class FlowMeter {
  readonly #bytes: RateWindow;
  readonly #commands: RateWindow;
  readonly #latency: number[] = [];

  constructor(startedMs: number) {
    this.#bytes = new RateWindow(startedMs);
    this.#commands = new RateWindow(startedMs);
  }

  take(
    now: { readonly atMs: number; readonly bytes: number; readonly commands: number },
    latency: LatencyBuckets,
    elapsedMs: number,
  ): void {
    this.#bytes.put(now.atMs, now.bytes);
    this.#commands.put(now.atMs, now.commands);
    const kept = 0.5 ** (elapsedMs / LATENCY_HALF_LIFE_MS);
    for (const [index, count] of this.#latency.entries()) this.#latency[index] = count * kept;
    addBuckets(this.#latency, latency);
  }

  flow(): SessionFlow {
    return {
      bytes: this.#bytes.total,
      commands: this.#commands.total,
      bytesPerSecond: Math.round(this.#bytes.perSecond),
      commandsPerSecond: Math.round(this.#commands.perSecond * 10) / 10,
      p50Us: percentileUs(this.#latency, 0.5),
      p99Us: percentileUs(this.#latency, 0.99),
    };
  }
}
