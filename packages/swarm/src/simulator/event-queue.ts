/** Events of a simulation, by time; those of one time in the order in which they were put in. */
export class EventQueue<Event> {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #events: Event[] = [];
  #next = 0;

  get size(): number {
    return this.#times.length;
  }

  push(time: number, event: Event): void {
    let at = this.#times.length;
    const order = this.#next++;
    this.#times.push(time);
    this.#orders.push(order);
    this.#events.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  /** The earliest event with its time; undefined when there is none. */
  pop(): { time: number; event: Event } | undefined {
    const last = this.#times.length - 1;
    if (last < 0) return undefined;
    const time = this.#times[0] as number;
    const event = this.#events[0] as Event;
    this.#swap(0, last);
    this.#times.pop();
    this.#orders.pop();
    this.#events.pop();
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= last) break;
      const right = left + 1;
      const child = right < last && this.#isBefore(right, left) ? right : left;
      if (!this.#isBefore(child, at)) break;
      this.#swap(at, child);
      at = child;
    }
    return { time, event };
  }

  #isBefore(a: number, b: number): boolean {
    const timeA = this.#times[a] as number;
    const timeB = this.#times[b] as number;
    return timeA < timeB || (timeA === timeB && (this.#orders[a] as number) < (this.#orders[b] as number));
  }

  #swap(a: number, b: number): void {
    [this.#times[a], this.#times[b]] = [this.#times[b] as number, this.#times[a] as number];
    [this.#orders[a], this.#orders[b]] = [this.#orders[b] as number, this.#orders[a] as number];
    [this.#events[a], this.#events[b]] = [this.#events[b] as Event, this.#events[a] as Event];
  }
}
