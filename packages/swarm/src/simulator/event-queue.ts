/** Numbers of one event in a lane: its place in the order of all, kind, a, b, c. */
const FIELDS = 5;

const FIRST_CAPACITY = 64;

/** Events that were put in with one delay: they are due in the order in which they came. A ring. */
interface Lane {
  times: Float64Array;
  fields: Float64Array;
  first: number;
  length: number;
}

/**
 * Events of a simulation, by time; those of one time in the order in which they were put in. There are two sorts: messages, which are under way for
 * one of few different delays, and deadlines, which may be moved and taken back. Nothing is allocated for an event.
 */
export class EventQueue {
  /** The event that `pop` has taken out last: when, what, and up to three numbers of what it is about, whose meaning is the caller's. */
  time = 0;
  kind = 0;
  a = 0;
  b = 0;
  c = 0;

  readonly #delays: number[] = [];
  readonly #lanes: Lane[] = [];
  readonly #deadlineKind: number;
  /** Deadlines as a binary heap of ids. */
  readonly #heap: number[] = [];
  /** By id. */
  readonly #placeOf: number[] = [];
  readonly #dueAt: number[] = [];
  readonly #orderOf: number[] = [];
  #next = 0;

  /** `deadlineKind`: of the events that are deadlines; their `a` is the id. */
  constructor(deadlineKind: number) {
    this.#deadlineKind = deadlineKind;
  }

  /** Puts in an event for `delay` from `now`, which never goes back. */
  pushAfter(now: number, delay: number, kind: number, a = 0, b = 0, c = 0): void {
    const lane = this.#lane(delay);
    const capacity = lane.times.length;
    if (lane.length === capacity) grow(lane);
    const at = (lane.first + lane.length++) & (lane.times.length - 1);
    lane.times[at] = now + delay;
    const { fields } = lane;
    fields[at * FIELDS] = this.#next++;
    fields[at * FIELDS + 1] = kind;
    fields[at * FIELDS + 2] = a;
    fields[at * FIELDS + 3] = b;
    fields[at * FIELDS + 4] = c;
  }

  /** Sets the deadline of an id, a small number of the caller's, in place of the one that it has. */
  setDeadline(id: number, time: number): void {
    const place = this.#placeOf[id] ?? -1;
    while (this.#placeOf.length <= id) {
      this.#placeOf.push(-1);
      this.#dueAt.push(0);
      this.#orderOf.push(0);
    }
    this.#dueAt[id] = time;
    this.#orderOf[id] = this.#next++;
    if (place < 0) this.#rise(this.#heap.length, id);
    else this.#settle(place, id);
  }

  /** Takes back the deadline of an id, if it has one. */
  clearDeadline(id: number): void {
    const place = this.#placeOf[id] ?? -1;
    if (place < 0) return;
    this.#placeOf[id] = -1;
    const last = this.#heap.pop() as number;
    if (last !== id) this.#settle(place, last);
  }

  /** Takes out the earliest event, which is then in the fields; false when there is none. */
  pop(): boolean {
    const deadline = this.#heap[0];
    let time = deadline === undefined ? Infinity : (this.#dueAt[deadline] as number);
    let order = deadline === undefined ? Infinity : (this.#orderOf[deadline] as number);
    let from: Lane | undefined;
    for (const lane of this.#lanes) {
      if (lane.length === 0) continue;
      const laneTime = lane.times[lane.first] as number;
      if (laneTime > time) continue;
      const laneOrder = lane.fields[lane.first * FIELDS] as number;
      if (laneTime === time && laneOrder > order) continue;
      time = laneTime;
      order = laneOrder;
      from = lane;
    }
    if (from !== undefined) {
      this.#shift(from);
      return true;
    }
    if (deadline === undefined) return false;
    this.clearDeadline(deadline);
    this.time = time;
    this.kind = this.#deadlineKind;
    this.a = deadline;
    return true;
  }

  #lane(delay: number): Lane {
    const known = this.#lanes[this.#delays.indexOf(delay)];
    if (known !== undefined) return known;
    const times = new Float64Array(FIRST_CAPACITY);
    const lane = { times, fields: new Float64Array(FIRST_CAPACITY * FIELDS), first: 0, length: 0 };
    this.#delays.push(delay);
    this.#lanes.push(lane);
    return lane;
  }

  #shift(lane: Lane): void {
    const { first, fields, times } = lane;
    this.time = times[first] as number;
    this.kind = fields[first * FIELDS + 1] as number;
    this.a = fields[first * FIELDS + 2] as number;
    this.b = fields[first * FIELDS + 3] as number;
    this.c = fields[first * FIELDS + 4] as number;
    lane.first = (first + 1) & (times.length - 1);
    lane.length--;
  }

  /** Puts an id in at a place of the heap whose own id has gone, and from there where it belongs. */
  #settle(place: number, id: number): void {
    const heap = this.#heap;
    let at = place;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1] as number, heap[child] as number)) child++;
      const below = heap[child] as number;
      if (!this.#isBefore(below, id)) break;
      this.#put(at, below);
      at = child;
    }
    this.#rise(at, id);
  }

  #rise(place: number, id: number): void {
    const heap = this.#heap;
    let at = place;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as number;
      if (!this.#isBefore(id, above)) break;
      this.#put(at, above);
      at = parent;
    }
    this.#put(at, id);
  }

  #put(place: number, id: number): void {
    this.#heap[place] = id;
    this.#placeOf[id] = place;
  }

  #isBefore(one: number, other: number): boolean {
    const before = (this.#dueAt[one] as number) - (this.#dueAt[other] as number);
    return before < 0 || (before === 0 && (this.#orderOf[one] as number) < (this.#orderOf[other] as number));
  }
}

/** Doubles a full ring. */
function grow(lane: Lane): void {
  const { times, fields, first, length } = lane;
  lane.times = new Float64Array(length * 2);
  lane.times.set(times.subarray(first));
  lane.times.set(times.subarray(0, first), length - first);
  lane.fields = new Float64Array(length * 2 * FIELDS);
  lane.fields.set(fields.subarray(first * FIELDS));
  lane.fields.set(fields.subarray(0, first * FIELDS), (length - first) * FIELDS);
  lane.first = 0;
}
