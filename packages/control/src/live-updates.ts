import type { DiskGrowth } from "@ingot/api";
import type { BootTracker } from "./boot-tracker.ts";
import { type Clock, timeText } from "./clock.ts";
import { MAX_GROWTH_POINTS, MAX_UPDATES_PER_TICK } from "./limits.ts";
import type { LiveHub } from "./live-hub.ts";
import { RateWindow } from "./rate-window.ts";
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

/** What was read and written, and how fast. */
class TrafficRates {
  readonly #read: RateWindow;
  readonly #written: RateWindow;

  constructor(startMs: number) {
    this.#read = new RateWindow(startMs);
    this.#written = new RateWindow(startMs);
  }

  add(nowMs: number, read: number, written: number): void {
    this.#read.put(nowMs, this.#read.total + read);
    this.#written.put(nowMs, this.#written.total + written);
  }

  get now(): { readonly readBytesPerSecond: number; readonly writtenBytesPerSecond: number } {
    return {
      readBytesPerSecond: Math.round(this.#read.perSecond),
      writtenBytesPerSecond: Math.round(this.#written.perSecond),
    };
  }

  get bytesRead(): number {
    return this.#read.total;
  }

  get bytesWritten(): number {
    return this.#written.total;
  }
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
  readonly #rates = new Map<string, TrafficRates>();
  readonly #growth = new Map<string, { bootId: number; points: DiskGrowth[] }>();
  readonly #total: TrafficRates;
  #cancel: () => void = () => undefined;
  #ticks = 0;
  #sending: Promise<void> | undefined;

  constructor(deps: LiveUpdatesDeps) {
    this.#deps = deps;
    this.#total = new TrafficRates(deps.clock.now());
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
    return { ...this.#total.now, bytesRead: this.#total.bytesRead, bytesWritten: this.#total.bytesWritten };
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
      const rates = this.#rates.get(machineId) ?? new TrafficRates(nowMs - TICK_MS);
      this.#rates.set(machineId, rates);
      rates.add(nowMs, machineRead, machineWritten);
      const now = rates.now;
      tracker.setTraffic(machineId, { sessions: open.length, ...now });
      if (open.length === 0 && now.readBytesPerSecond === 0 && now.writtenBytesPerSecond === 0) {
        this.#rates.delete(machineId);
      }
      read += machineRead;
      written += machineWritten;
    }
    this.#total.add(nowMs, read, written);
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
