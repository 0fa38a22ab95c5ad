import { serialLess } from "@ingot/wire";
import { u32At } from "../bytes.ts";
import { IscsiError } from "../errors.ts";
import { MAX_HELD_BYTES } from "../limits.ts";
import type { FramedPdu } from "./framer.ts";
import { HeldCommand } from "./held-command.ts";

/** A number that has come, and its command unless that was aborted while it waited. */
interface Early {
  readonly held: HeldCommand | undefined;
  readonly initiatorTaskTag: number;
  /** What it counts for in the limit. */
  readonly bytes: number;
}

/**
 * Commands that came before one with a lower CmdSN. They wait for it, because a target carries commands out in the order of their
 * numbers (RFC 7143 §4.2.2.1). An initiator with one connection has no reason to send them so; hence the tight limit.
 */
export class EarlyCommands {
  readonly #byCmdSN = new Map<number, Early>();
  #bytes = 0;

  /** Whether nobody waits: the rule, and the only question on the path of every command. */
  get isEmpty(): boolean {
    return this.#byCmdSN.size === 0;
  }

  /**
   * Keeps a copy of a numbered PDU; one whose number has come already is a duplicate and ignored. `unsolicited`: the most data
   * that may follow. Throws `limitExceeded` when too much waits.
   */
  hold(cmdSN: number, pdu: FramedPdu, unsolicited: number): void {
    if (this.#byCmdSN.has(cmdSN)) return;
    const bytes = pdu.dataAt - pdu.at + Math.max(pdu.dataLength, unsolicited);
    if (this.#bytes + bytes > MAX_HELD_BYTES) {
      throw new IscsiError(
        "limitExceeded",
        `commands behind a gap in CmdSN: more than ${MAX_HELD_BYTES} bytes would wait`,
      );
    }
    this.#bytes += bytes;
    this.#byCmdSN.set(cmdSN, { held: new HeldCommand(pdu), initiatorTaskTag: u32At(pdu.bytes, pdu.at + 16), bytes });
  }

  /** A Data-Out PDU; kept if its command waits here. */
  follow(initiatorTaskTag: number, pdu: FramedPdu): void {
    for (const early of this.#byCmdSN.values()) {
      if (early.initiatorTaskTag === initiatorTaskTag) early.held?.follow(pdu);
    }
  }

  /** Takes a number off, if it has come: its command, or nothing in place of an aborted one. */
  take(cmdSN: number): { readonly held: HeldCommand | undefined } | undefined {
    const early = this.#byCmdSN.get(cmdSN);
    if (early === undefined) return undefined;
    this.#byCmdSN.delete(cmdSN);
    this.#bytes -= early.bytes;
    return early;
  }

  /** A number counts as come, whatever may still come with it (RFC 7143 §11.6.1). */
  consider(cmdSN: number): void {
    if (!this.#byCmdSN.has(cmdSN)) this.#byCmdSN.set(cmdSN, { held: undefined, initiatorTaskTag: 0, bytes: 0 });
  }

  /** Aborts the command with a tag; false when none has it. */
  abort(initiatorTaskTag: number): boolean {
    for (const [cmdSN, early] of this.#byCmdSN) {
      if (early.held !== undefined && early.initiatorTaskTag === initiatorTaskTag) return this.#empty(cmdSN, early);
    }
    return false;
  }

  /** Aborts what was numbered before `cmdSN`. */
  abortBefore(cmdSN: number): void {
    for (const [earlyCmdSN, early] of this.#byCmdSN) {
      if (serialLess(earlyCmdSN, cmdSN)) this.#empty(earlyCmdSN, early);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#byCmdSN.clear();
    this.#bytes = 0;
  }

  #empty(cmdSN: number, early: Early): true {
    this.#bytes -= early.bytes;
    this.#byCmdSN.set(cmdSN, { ...early, held: undefined, bytes: 0 });
    return true;
  }
}
