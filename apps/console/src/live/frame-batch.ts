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

const HIDDEN_PAGE_MS = 500;

/** The browser's next frame; while the page is hidden, which gets no frames, half a second later instead. */
export function scheduleFrame(run: () => void): void {
  if (document.hidden) setTimeout(run, HIDDEN_PAGE_MS);
  else requestAnimationFrame(run);
}
