import { SwarmError } from "../errors.ts";
import type { PieceMap } from "../piece-map.ts";
import type { SwarmClock } from "./clock.ts";
import type { FetchReport, OpenImage } from "../transfer/transfer.ts";
import { MAX_STALL_MS, MIN_STALL_MS } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";
import type { SwarmNodeOptions } from "./node-options.ts";
import type { Traffic } from "./traffic.ts";

/** What comes of fetches. */
export interface FetchEvents {
  /** A piece is here, verified and written. */
  onFetched(neighbour: Neighbour, piece: number, report: FetchReport): void;
  /** It did not come. */
  onFailed(neighbour: Neighbour, piece: number, error: SwarmError): void;
  /** A fault of ours. */
  onFault(error: unknown): void;
}

/** What is under way from other peers. */
export class Fetches {
  readonly #image: Pick<OpenImage, "fetch" | "has">;
  readonly #pieceMap: PieceMap;
  readonly #traffic: Traffic;
  readonly #clock: Pick<SwarmClock, "now">;
  readonly #events: FetchEvents;
  readonly #running = new Map<Neighbour, Map<number, AbortController>>();
  #count = 0;

  constructor(
    { image, pieceMap, clock }: Pick<SwarmNodeOptions, "image" | "pieceMap" | "clock">,
    traffic: Traffic,
    events: FetchEvents,
  ) {
    this.#image = image;
    this.#clock = clock;
    this.#pieceMap = pieceMap;
    this.#traffic = traffic;
    this.#events = events;
  }

  get count(): number {
    return this.#count;
  }

  /** Chunks of a piece that are not here. */
  missingOf(piece: number): number[] {
    const { first, end } = this.#pieceMap.chunksOf(piece);
    const missing: number[] = [];
    for (let chunk = first; chunk < end; chunk++) if (!this.#image.has(chunk)) missing.push(chunk);
    return missing;
  }

  /** Fetches what is missing of a piece. */
  start(neighbour: Neighbour, piece: number, missing: readonly number[]): void {
    const abort = new AbortController();
    const running = this.#running.get(neighbour) ?? new Map<number, AbortController>();
    this.#running.set(neighbour, running.set(piece, abort));
    this.#count++;
    void this.#run(neighbour, piece, missing, abort);
  }

  /** Breaks a fetch off; no event follows. */
  cancel(neighbour: Neighbour, piece: number): void {
    const abort = this.#running.get(neighbour)?.get(piece);
    if (abort === undefined) return;
    this.#forget(neighbour, piece);
    abort.abort();
  }

  /** Breaks off whatever comes from a neighbour; no event follows. */
  cancelAll(neighbour: Neighbour): void {
    for (const piece of this.#running.get(neighbour)?.keys() ?? []) this.cancel(neighbour, piece);
  }

  close(): void {
    for (const neighbour of this.#running.keys()) this.cancelAll(neighbour);
  }

  async #run(neighbour: Neighbour, piece: number, missing: readonly number[], abort: AbortController): Promise<void> {
    const { first, end } = this.#pieceMap.chunksOf(piece);
    const { address, pair } = neighbour.bulkAddress(this.#clock.now());
    const isRunning = (): boolean => this.#running.get(neighbour)?.get(piece) === abort;
    // What came counts, whatever becomes of it: also of a fetch that failed or was broken off.
    const source = neighbour.isOrigin ? "seed" : "peers";
    try {
      const report = await this.#image.fetch({
        piece,
        ...(missing.length < end - first ? { chunks: missing } : {}),
        from: address,
        stallMs: this.#stallMs(),
        signal: abort.signal,
      });
      this.#traffic.add(source, report.wireBytes);
      if (!isRunning()) return;
      this.#forget(neighbour, piece);
      this.#events.onFetched(neighbour, piece, report);
    } catch (error) {
      if (error instanceof SwarmError) this.#traffic.add(source, error.wireBytes);
      if (!isRunning()) return;
      this.#forget(neighbour, piece);
      if (!(error instanceof SwarmError)) {
        this.#events.onFault(error);
        return;
      }
      const isLost = error.code === "unreachable" || error.code === "stalled";
      const missingNow = this.missingOf(piece);
      // A pulled cable says nothing about the neighbour that has another one.
      if (isLost && neighbour.wayFailed(pair, this.#clock.now()) && missingNow.length > 0) {
        this.start(neighbour, piece, missingNow);
        return;
      }
      this.#events.onFailed(neighbour, piece, error);
    }
  }

  #forget(neighbour: Neighbour, piece: number): void {
    const running = this.#running.get(neighbour);
    if (running?.delete(piece) !== true) return;
    this.#count--;
    if (running.size === 0) this.#running.delete(neighbour);
  }

  #stallMs(): number {
    return Math.min(MAX_STALL_MS, Math.max(MIN_STALL_MS, this.#traffic.pieceMs * 4));
  }
}
