interface Entry<Event> {
  readonly time: number;
  readonly order: number;
  readonly event: Event;
}

/** Events that were put in with one delay: they are due in the order in which they came. */
interface Lane<Event> {
  entries: Entry<Event>[];
  /** Those before it are gone. */
  first: number;
}

/** How many gone entries a lane keeps before it lets go of them. */
const LANE_SLACK = 1024;

/** Events of a simulation, by time; those of one time in the order in which they were put in. */
export class EventQueue<Event> {
  readonly #heap: Entry<Event>[] = [];
  readonly #lanes = new Map<number, Lane<Event>>();
  #next = 0;

  /** Puts in an event for any time. */
  push(time: number, event: Event): void {
    const heap = this.#heap;
    const entry = { time, order: this.#next++, event };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Entry<Event>;
      if (!isBefore(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Puts in an event for `delay` from `now`, which never goes back. Quicker than `push` as long as there are few different delays. */
  pushAfter(now: number, delay: number, event: Event): void {
    let lane = this.#lanes.get(delay);
    if (lane === undefined) this.#lanes.set(delay, (lane = { entries: [], first: 0 }));
    lane.entries.push({ time: now + delay, order: this.#next++, event });
  }

  /** The earliest event with its time; undefined when there is none. */
  pop(): { readonly time: number; readonly event: Event } | undefined {
    let earliest = this.#heap[0];
    let from: Lane<Event> | undefined;
    for (const lane of this.#lanes.values()) {
      const entry = lane.entries[lane.first];
      if (entry === undefined || (earliest !== undefined && !isBefore(entry, earliest))) continue;
      earliest = entry;
      from = lane;
    }
    if (from !== undefined) shift(from);
    else if (earliest !== undefined) this.#removeTop();
    return earliest;
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry<Event>;
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      const right = child + 1;
      if (right < length && isBefore(heap[right] as Entry<Event>, heap[child] as Entry<Event>)) child = right;
      const below = heap[child] as Entry<Event>;
      if (!isBefore(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore<Event>(a: Entry<Event>, b: Entry<Event>): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function shift<Event>(lane: Lane<Event>): void {
  lane.first++;
  if (lane.first < LANE_SLACK || lane.first * 2 < lane.entries.length) return;
  lane.entries = lane.entries.slice(lane.first);
  lane.first = 0;
}
