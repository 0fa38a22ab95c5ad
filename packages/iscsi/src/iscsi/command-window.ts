import { serialAdd, serialLess } from "@ingot/wire";
import { COMMAND_WINDOW, SCARCE_COMMAND_WINDOW } from "../limits.ts";

/**
 * Command numbering of one session (RFC 7143 §4.2.2.1). The window shrinks as commands stay open, so that an initiator
 * never has more than `COMMAND_WINDOW` of them here, and its upper end never moves back.
 */
export class CommandWindow {
  #expCmdSN: number;
  #maxCmdSN: number;
  #open = 0;
  readonly #isScarce: () => boolean;

  /** `isScarce`: whether only few commands should be let in for now; a session without open commands always gets some. */
  constructor(firstCmdSN: number, isScarce: () => boolean = () => false) {
    this.#expCmdSN = firstCmdSN;
    this.#maxCmdSN = serialAdd(firstCmdSN, COMMAND_WINDOW - 1);
    this.#isScarce = isScarce;
  }

  /** The next command in order. */
  get expCmdSN(): number {
    return this.#expCmdSN;
  }

  /** The highest command that we take; one less than ExpCmdSN when the window is closed. */
  get maxCmdSN(): number {
    const window = this.#isScarce() ? SCARCE_COMMAND_WINDOW : COMMAND_WINDOW;
    const wanted = this.#open < window ? serialAdd(this.#expCmdSN, window - this.#open - 1) : this.#maxCmdSN;
    if (serialLess(this.#maxCmdSN, wanted)) this.#maxCmdSN = wanted;
    return this.#maxCmdSN;
  }

  /** Whether a command number is in the window; others are ignored without a word. */
  contains(cmdSN: number): boolean {
    return !serialLess(cmdSN, this.#expCmdSN) && !serialLess(this.maxCmdSN, cmdSN);
  }

  /** The command `expCmdSN` has arrived and is open from now on. */
  enter(): void {
    this.#expCmdSN = serialAdd(this.#expCmdSN, 1);
    this.#open++;
  }

  /** A command that had entered is over. Call before its status is sent, so that the status opens the window again. */
  leave(): void {
    this.#open--;
  }
}
