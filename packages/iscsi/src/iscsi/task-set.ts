/** Task attributes (SAM-5 §8.6, as in RFC 7143 §11.3.1). */
export const TaskAttribute = { untagged: 0, simple: 1, ordered: 2, headOfQueue: 3, aca: 4 } as const;

/** A command that waits for its turn. */
export interface QueuedTask {
  /** `ordered`, or anything that is treated as `simple`. */
  readonly attribute: number;
  /** Its turn has come. */
  begin(): void;
}

/**
 * The order of the commands of one logical unit, of all its sessions together (SAM-5 §8; TST of the control mode page is 0):
 * ORDERED begins when everything older has ended, and what is younger waits for it; HEAD OF QUEUE begins at once, and what
 * is younger waits for it; SIMPLE, the rule, begins at once where neither of the two is under way.
 */
export class TaskSet {
  /** Commands that have begun and not ended. */
  #enabled = 0;
  /** Those of them that the younger ones wait for. */
  #ahead = 0;
  readonly #queue: QueuedTask[] = [];
  readonly #soon: (callback: () => void) => void;
  #isScheduled = false;

  /** `soon` calls back when what runs now is done: a waiting command never begins inside of the answer of another one. */
  constructor(soon: (callback: () => void) => void = queueMicrotask) {
    this.#soon = soon;
  }

  /** Whether a command may begin now; it then counts until `leave` with the same attribute. */
  enter(attribute: number): boolean {
    if (attribute !== TaskAttribute.headOfQueue && (this.#queue.length > 0 || !this.#mayBegin(attribute))) return false;
    this.#count(attribute);
    return true;
  }

  /** A command that could not enter waits in line; it counts as entered when it begins. */
  wait(task: QueuedTask): void {
    this.#queue.push(task);
  }

  /** A waiting command will not begin. */
  forget(task: QueuedTask): void {
    const at = this.#queue.indexOf(task);
    if (at < 0) return;
    this.#queue.splice(at, 1);
    this.#advanceSoon();
  }

  /** A command that had entered is over. */
  leave(attribute: number): void {
    this.#enabled--;
    if (isAhead(attribute)) this.#ahead--;
    if (this.#queue.length > 0) this.#advanceSoon();
  }

  #mayBegin(attribute: number): boolean {
    return attribute === TaskAttribute.ordered ? this.#enabled === 0 : this.#ahead === 0;
  }

  #count(attribute: number): void {
    this.#enabled++;
    if (isAhead(attribute)) this.#ahead++;
  }

  #advanceSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#soon(() => {
      this.#isScheduled = false;
      this.#advance();
    });
  }

  #advance(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (!this.#mayBegin(next.attribute)) return;
      this.#queue.shift();
      this.#count(next.attribute);
      next.begin();
    }
  }
}

function isAhead(attribute: number): boolean {
  return attribute === TaskAttribute.ordered || attribute === TaskAttribute.headOfQueue;
}
