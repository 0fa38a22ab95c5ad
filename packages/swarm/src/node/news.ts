import type { SwarmClock } from "./clock.ts";
import { HaveLog } from "./have-log.ts";
import { HAVE_DELAY_MS, LAZY_HAVE_DELAY_MS } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";

/**
 * Tells the neighbours what came here: together, soon those that lack some of it or wait to hear
 * of progress, and later the others, for whom it only means that there
 * is less to offer. With 20 neighbours these messages are most of what there is, and each costs both sides more than the piece's share of them.
 */
export class News {
  readonly log: HaveLog = new HaveLog();
  readonly #clock: SwarmClock;
  readonly #neighbours: () => Iterable<Neighbour>;
  #toldAllAt: number;
  #dueAt = Infinity;
  #takeBack: () => void = () => undefined;

  constructor(clock: SwarmClock, neighbours: () => Iterable<Neighbour>) {
    this.#clock = clock;
    this.#neighbours = neighbours;
    this.#toldAllAt = clock.now();
  }

  /** A piece is here. */
  add(piece: number): void {
    this.log.add(piece);
    this.#schedule(HAVE_DELAY_MS);
  }

  /** Tells everybody of everything now. */
  tellAll(): void {
    for (const neighbour of this.#neighbours()) neighbour.tell();
    this.#toldAllAt = this.#clock.now();
    this.close();
  }

  /** Tells nothing more of its own accord, until something is added. */
  close(): void {
    this.#takeBack();
    this.#dueAt = Infinity;
  }

  #tell(): void {
    this.#dueAt = Infinity;
    const patienceMs = this.#toldAllAt + LAZY_HAVE_DELAY_MS - this.#clock.now();
    if (patienceMs <= 0) {
      this.tellAll();
      return;
    }
    let isAnyBehind = false;
    for (const neighbour of this.#neighbours()) {
      if (neighbour.isKeptWaiting || (neighbour.isBehind && neighbour.lacksNews)) neighbour.tell();
      isAnyBehind ||= neighbour.isBehind;
    }
    if (isAnyBehind) this.#schedule(patienceMs);
  }

  #schedule(ms: number): void {
    const dueAt = this.#clock.now() + ms;
    if (dueAt >= this.#dueAt) return;
    this.#takeBack();
    this.#dueAt = dueAt;
    this.#takeBack = this.#clock.after(ms, () => this.#tell());
  }
}
