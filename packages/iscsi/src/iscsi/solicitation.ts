import { MAX_SOLICITED_BYTES } from "../limits.ts";

interface Request {
  readonly bytes: number;
  grant(): void;
}

/** Who may ask the initiator for how much data: the bytes asked for and not yet come stay below a limit, the rest waits in line. */
export class Solicitation {
  #outstanding = 0;
  #waiting: Request[] = [];
  readonly #isScarce: () => boolean;

  /** `isScarce`: whether no more than one request should be out at a time. */
  constructor(isScarce: () => boolean = () => false) {
    this.#isScarce = isScarce;
  }

  /** Calls `grant` at once or when there is room. */
  ask(bytes: number, grant: () => void): void {
    this.#waiting.push({ bytes, grant });
    this.#serve();
  }

  /** Bytes that were granted have come, or will not be waited for. */
  done(bytes: number): void {
    this.#outstanding -= bytes;
    this.#serve();
  }

  /** Forgets who waits. */
  close(): void {
    this.#waiting = [];
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const limit = this.#isScarce() ? 0 : MAX_SOLICITED_BYTES;
      // One may always be out: whoever waits here waits for data of the same session, never for another one.
      if (this.#outstanding > 0 && this.#outstanding + next.bytes > limit) return;
      this.#waiting.shift();
      this.#outstanding += next.bytes;
      next.grant();
    }
  }
}
