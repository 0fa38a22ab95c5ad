/**
 * Collects items and hands them over together, at most once per frame.
 * `schedule` decides when: `scheduleFrame` in the browser, the test's own in a test.
 */
export class FrameBatch<Item> {
  readonly #flush: (items: readonly Item[]) => void;
  readonly #schedule: (run: () => void) => void;
  #items: Item[] = [];
  #scheduled = false;

  constructor(flush: (items: readonly Item[]) => void, schedule: (run: () => void) => void) {
    this.#flush = flush;
    this.#schedule = schedule;
  }

  /** Adds one item; the hand-over happens in the next frame. */
  add(item: Item): void {
    this.#items.push(item);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      const items = this.#items;
      this.#items = [];
      if (items.length > 0) this.#flush(items);
    });
  }
}

/** Nobody reads faster than eight changes a second, and a boot storm costs a tenth of what sixty would. */
const CALM_MS = 120;

/** The browser's next frame after a short rest; while the page is hidden, which gets no frames, after the rest alone. */
export function scheduleFrame(run: () => void): void {
  setTimeout(() => {
    if (document.hidden) run();
    else requestAnimationFrame(run);
  }, CALM_MS);
}
