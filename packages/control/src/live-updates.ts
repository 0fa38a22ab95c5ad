import type { DiskGrowth } from "@ingot/api";
import type { BootTracker } from "./boot-tracker.ts";
import { type Clock, timeText } from "./clock.ts";
import { MAX_GROWTH_POINTS, MAX_UPDATES_PER_TICK } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** How often changes of machines go out. Two a second for each machine, however many facts come in. */
export const TICK_MS: number = 500;

/** Every how many ticks disks are measured and the status goes out. */
const ticksPerSample = 10;

/** Traffic of all machines together. */
export interface TotalTraffic {
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What {@link LiveUpdates} works with. */
export interface LiveUpdatesDeps {
  readonly clock: Clock;
  readonly sessions: SessionRegistry;
  readonly tracker: BootTracker;
  readonly hub: LiveHub;
  readonly overlayBytes: (machineId: string) => Promise<number>;
  /** Publishes these machines. */
  readonly publishMachines: (ids: readonly string[]) => Promise<void>;
  /** Publishes the disk of one machine. */
  readonly publishDisk: (machineId: string) => Promise<void>;
  readonly publishStatus: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** The heartbeat: collects traffic, lets time pass for the boots, and sends out what changed, in bounded portions. */
export class LiveUpdates {
  readonly #deps: LiveUpdatesDeps;
  /** Machines to publish, oldest change first. */
  readonly #dirty = new Set<string>();
  readonly #dirtyDisks = new Set<string>();
  readonly #rates = new Map<string, { read: number; written: number }>();
  readonly #growth = new Map<string, { bootId: number; points: DiskGrowth[] }>();
  #total: TotalTraffic = { readBytesPerSecond: 0, writtenBytesPerSecond: 0, bytesRead: 0, bytesWritten: 0 };
  #cancel: () => void = () => undefined;
  #lastMs: number;
  #ticks = 0;
  #sending: Promise<void> | undefined;

  constructor(deps: LiveUpdatesDeps) {
    this.#deps = deps;
    this.#lastMs = deps.clock.now();
  }

  /** Starts ticking. */
  start(): void {
    this.#cancel = this.#deps.clock.setTimer(TICK_MS, () => {
      this.tick();
      this.start();
    });
  }

  /** Stops ticking; resolves when nothing is under way. Idempotent. */
  async close(): Promise<void> {
    this.#cancel();
    await this.idle();
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    await this.#sending;
  }

  /** Notes that a machine changed. */
  markMachine(id: string): void {
    this.#dirty.add(id);
  }

  /** Notes that the sessions of a machine's disk changed. */
  markDisk(machineId: string): void {
    this.#dirtyDisks.add(machineId);
  }

  /** Traffic of all machines together, as of the last tick. */
  get total(): TotalTraffic {
    return this.#total;
  }

  /** How a machine's overlay grew. */
  growthOf(machineId: string): readonly DiskGrowth[] {
    return this.#growth.get(machineId)?.points ?? [];
  }

  /** One beat. */
  tick(): void {
    this.#collectTraffic();
    this.#deps.tracker.tick();
    this.#ticks += 1;
    // A slow database makes portions larger and rarer, never two at a time.
    if (this.#sending !== undefined) return;
    const sample = this.#ticks % ticksPerSample === 0;
    this.#sending = this.#send(sample)
      .catch(this.#deps.onError)
      .finally(() => {
        this.#sending = undefined;
      });
  }

  #collectTraffic(): void {
    const { clock, sessions, tracker } = this.#deps;
    const nowMs = clock.now();
    const seconds = Math.max(0.001, (nowMs - this.#lastMs) / 1000);
    this.#lastMs = nowMs;
    let read = 0;
    let written = 0;
    for (const machineId of new Set([...sessions.machineIds(), ...this.#rates.keys()])) {
      let machineRead = 0;
      let machineWritten = 0;
      const open = sessions.of(machineId);
      for (const session of open) {
        const transfer = session.take();
        if (transfer.bytesRead === 0 && transfer.bytesWritten === 0) continue;
        tracker.record(machineId, { kind: "transfer", ...transfer });
        machineRead += transfer.bytesRead;
        machineWritten += transfer.bytesWritten;
      }
      const rates = this.#smooth(machineId, machineRead / seconds, machineWritten / seconds, open.length);
      tracker.setTraffic(machineId, {
        sessions: open.length,
        readBytesPerSecond: Math.round(rates.read),
        writtenBytesPerSecond: Math.round(rates.written),
      });
      read += machineRead;
      written += machineWritten;
    }
    this.#total = {
      readBytesPerSecond: Math.round(read / seconds),
      writtenBytesPerSecond: Math.round(written / seconds),
      bytesRead: this.#total.bytesRead + read,
      bytesWritten: this.#total.bytesWritten + written,
    };
  }

  /** Averages over about the last two ticks; what falls below a byte a second is nothing. */
  #smooth(machineId: string, read: number, written: number, sessions: number): { read: number; written: number } {
    const before = this.#rates.get(machineId) ?? { read: 0, written: 0 };
    const mean = (old: number, now: number): number => ((old + now) / 2 < 1 ? 0 : (old + now) / 2);
    const rates = { read: mean(before.read, read), written: mean(before.written, written) };
    if (sessions === 0 && rates.read === 0 && rates.written === 0) this.#rates.delete(machineId);
    else this.#rates.set(machineId, rates);
    return rates;
  }

  async #send(sample: boolean): Promise<void> {
    const listening = this.#deps.hub.readerCount > 0;
    const ids = [...this.#dirty].slice(0, listening ? MAX_UPDATES_PER_TICK : undefined);
    for (const id of ids) this.#dirty.delete(id);
    if (listening && ids.length > 0) await this.#deps.publishMachines(ids);
    const disks = [...this.#dirtyDisks].slice(0, listening ? MAX_UPDATES_PER_TICK : undefined);
    for (const machineId of disks) this.#dirtyDisks.delete(machineId);
    if (listening) for (const machineId of disks) await this.#deps.publishDisk(machineId);
    if (!sample) return;
    for (const machineId of this.#deps.sessions.machineIds()) {
      if (await this.#sampleGrowth(machineId)) this.#dirtyDisks.add(machineId);
    }
    if (listening) await this.#deps.publishStatus();
  }

  async #sampleGrowth(machineId: string): Promise<boolean> {
    const bootId = Math.max(0, ...this.#deps.sessions.of(machineId).map((session) => session.bootId));
    const overlayBytes = await this.#deps.overlayBytes(machineId);
    const known = this.#growth.get(machineId);
    const growth = known?.bootId === bootId ? known : { bootId, points: [] };
    this.#growth.set(machineId, growth);
    if (growth.points.at(-1)?.overlayBytes === overlayBytes) return false;
    // A full series loses every second point, so that it always spans the whole boot.
    if (growth.points.length >= MAX_GROWTH_POINTS)
      growth.points = growth.points.filter((_point, index) => index % 2 === 0);
    growth.points.push({ at: timeText(this.#deps.clock.now()), overlayBytes });
    return true;
  }
}
