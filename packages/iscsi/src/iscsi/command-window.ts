import { serialAdd, serialLess } from "@ingot/wire";
import { COMMAND_WINDOW } from "../limits.ts";

/**
 * Command numbering of one session (RFC 7143 §4.2.2.1). The window shrinks as commands stay open, so that an initiator
 * never has more than `COMMAND_WINDOW` of them here, and its upper end never moves back.
 */
export class CommandWindow {
  #expCmdSN: number;
  #open = 0;

  constructor(firstCmdSN: number) {
    this.#expCmdSN = firstCmdSN;
  }

  /** The next command in order. */
  get expCmdSN(): number {
    return this.#expCmdSN;
  }

  /** The highest command that we take; one less than ExpCmdSN when the window is closed. */
  get maxCmdSN(): number {
    return serialAdd(this.#expCmdSN, COMMAND_WINDOW - this.#open - 1);
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
