import type { SwarmClock } from "./clock.ts";
import { HaveLog } from "./have-log.ts";
import type { PieceSet } from "../piece-set.ts";
import { HAVE_DELAY_MS, LAZY_HAVE_DELAY_MS, WELCOME_PER_SLOT } from "./limits.ts";
import type { Neighbour } from "./neighbour.ts";

/** What decides who is told soon. */
export interface NewsDeps {
  readonly clock: SwarmClock;
  readonly neighbours: () => Iterable<Neighbour>;
  /** The pieces that are here. */
  readonly held: PieceSet;
  /** How many more fetches there is room for. */
  readonly freeSlots: () => number;
}

/**
 * Tells the neighbours what came here. With 20 neighbours these messages would be most of what there is, and each costs both sides as much as many
 * kilobytes of a piece. So a neighbour is told soon if it knows of little that it could get here, or waits to hear that its offers are of use
 * again, as far as they are. The others hear of it with the next message, such as an offer, which is when it matters to them, or after a while.
 */
export class News {
  readonly log: HaveLog = new HaveLog();
  readonly #deps: NewsDeps;
  readonly #clock: SwarmClock;
  #toldAllAt: number;
  #dueAt = Infinity;
  #takeBack: () => void = () => undefined;

  constructor(deps: NewsDeps) {
    this.#deps = deps;
    this.#clock = deps.clock;
    this.#toldAllAt = deps.clock.now();
  }

  /** A piece is here. */
  add(piece: number): void {
    this.log.add(piece);
    this.#schedule(HAVE_DELAY_MS);
  }

  /** Tells everybody of everything now. */
  tellAll(): void {
    for (const neighbour of this.#deps.neighbours()) neighbour.tell();
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
    // More are asked than there is room for, because some of them have nothing to give at this moment.
    let welcome = this.#deps.freeSlots() * WELCOME_PER_SLOT;
    for (const neighbour of this.#deps.neighbours()) {
      if (neighbour.isKeptWaiting && welcome-- > 0) neighbour.tell();
      else if (neighbour.isBehind && neighbour.wantsNews(this.#deps.held)) neighbour.tell();
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
