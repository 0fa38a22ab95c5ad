/** News that wait to be told: for each receiver pairs of numbers, in the order in which they came. */
export class Mailboxes {
  /** Grow and are used again; only the first `#lengths[receiver]` numbers count. */
  readonly #boxes: number[][];
  readonly #lengths: Uint32Array;
  /** Receivers whose boxes are not empty, or have not been for a while. */
  #receivers: number[] = [];
  readonly #isListed: Uint8Array;

  constructor(count: number) {
    this.#boxes = Array.from({ length: count }, () => []);
    this.#lengths = new Uint32Array(count);
    this.#isListed = new Uint8Array(count);
  }

  get isEmpty(): boolean {
    return this.#receivers.length === 0;
  }

  put(receiver: number, from: number, piece: number): void {
    const box = this.#boxes[receiver] as number[];
    const length = this.#lengths[receiver] as number;
    box[length] = from;
    box[length + 1] = piece;
    this.#lengths[receiver] = length + 2;
    if (this.#isListed[receiver] === 1) return;
    this.#isListed[receiver] = 1;
    this.#receivers.push(receiver);
  }

  /** Empties one box. While `tell` runs, nothing may be put in. */
  deliver(receiver: number, tell: (from: number, piece: number) => void): void {
    const length = this.#lengths[receiver] as number;
    if (length === 0) return;
    const box = this.#boxes[receiver] as number[];
    this.#lengths[receiver] = 0;
    for (let i = 0; i < length; i += 2) tell(box[i] as number, box[i + 1] as number);
  }

  /** Takes the receivers that have news, in the order in which they first had some. Their boxes are to be emptied one after the other. */
  takeReceivers(): readonly number[] {
    const receivers = this.#receivers;
    this.#receivers = [];
    for (const receiver of receivers) this.#isListed[receiver] = 0;
    return receivers;
  }
}
