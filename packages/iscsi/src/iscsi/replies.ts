import { serialAdd } from "@ingot/wire";
import { encodeSense } from "../scsi/sense.ts";
import { putDropMessage, putLogoutRequestMessage } from "./async-message.ts";
import { NO_TAG } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import type { CommandWindow } from "./command-window.ts";
import type { TextReply } from "./discovery.ts";
import type { FramedPdu } from "./framer.ts";
import { putLogoutResponse } from "./logout.ts";
import type { LogoutResult } from "./logout.ts";
import { putNopIn } from "./nop.ts";
import type { Output } from "./output.ts";
import { putReject, REJECT_DATA_BYTES } from "./reject.ts";
import type { RejectReason } from "./reject.ts";
import { putScsiResponse } from "./scsi-response.ts";
import type { Ending } from "./task.ts";
import { putTaskManagementResponse } from "./task-management.ts";
import type { TaskManagementResult } from "./task-management.ts";

/** Puts the answers of one session into its output and numbers them (StatSN, RFC 7143 §4.2.2.2). */
export class Replies {
  readonly #output: Output;
  readonly #window: CommandWindow;
  #statSN: number;

  constructor(output: Output, window: CommandWindow, statSN: number) {
    this.#output = output;
    this.#window = window;
    this.#statSN = statSN;
  }

  /** Numbers for a PDU without status. */
  sequence(): Sequence {
    return { statSN: this.#statSN, expCmdSN: this.#window.expCmdSN, maxCmdSN: this.#window.maxCmdSN };
  }

  /** Numbers for a PDU with status; each takes one StatSN. */
  status(): Sequence {
    const sequence = this.sequence();
    this.#statSN = serialAdd(this.#statSN, 1);
    return sequence;
  }

  scsiResponse(initiatorTaskTag: number, ending: Ending, descriptorSense: boolean): void {
    const { status, sense, residual, expDataSN } = ending;
    const encoded = sense === undefined ? undefined : encodeSense(sense, descriptorSense);
    const dataLength = encoded === undefined ? 0 : 2 + encoded.length;
    const at = this.#output.reserve(dataLength);
    const { bytes } = this.#output;
    if (encoded !== undefined) {
      const dataAt = at + this.#output.dataOffset;
      bytes[dataAt] = encoded.length >>> 8;
      bytes[dataAt + 1] = encoded.length;
      bytes.set(encoded, dataAt + 2);
    }
    putScsiResponse(bytes, at, { ...this.status(), initiatorTaskTag, status, expDataSN, residual, dataLength });
    this.#output.commit(dataLength);
  }

  /** Gives a ping's data back, as much of it as the initiator takes. */
  nopIn(initiatorTaskTag: number, { bytes, dataAt, dataLength }: FramedPdu, maximum: number): void {
    const length = Math.min(dataLength, maximum);
    const at = this.#output.reserve(length);
    this.#output.bytes.set(bytes.subarray(dataAt, dataAt + length), at + this.#output.dataOffset);
    putNopIn(this.#output.bytes, at, {
      ...this.status(),
      initiatorTaskTag,
      targetTransferTag: NO_TAG,
      dataLength: length,
    });
    this.#output.commit(length);
  }

  /** Asks the initiator to show that it is there; the number of the next status goes with it, and is not used up. */
  ping(targetTransferTag: number): void {
    const at = this.#output.reserve(0);
    putNopIn(this.#output.bytes, at, {
      ...this.sequence(),
      initiatorTaskTag: NO_TAG,
      targetTransferTag,
      dataLength: 0,
    });
    this.#output.commit(0);
  }

  taskManagement(initiatorTaskTag: number, result: TaskManagementResult): void {
    const at = this.#output.reserve(0);
    putTaskManagementResponse(this.#output.bytes, at, { ...this.status(), initiatorTaskTag, result });
    this.#output.commit(0);
  }

  text(reply: TextReply): void {
    const at = this.#output.reserve(reply.data.length);
    this.#output.bytes.set(reply.data, at + this.#output.dataOffset);
    reply.put(this.#output.bytes, at, this.status());
    this.#output.commit(reply.data.length);
  }

  logout(initiatorTaskTag: number, result: LogoutResult): void {
    const at = this.#output.reserve(0);
    putLogoutResponse(this.#output.bytes, at, { ...this.status(), initiatorTaskTag, result });
    this.#output.commit(0);
  }

  /** Sends the header of a PDU back with the reason why it was not taken. */
  reject({ bytes, at }: FramedPdu, reason: RejectReason): void {
    const start = this.#output.reserve(REJECT_DATA_BYTES);
    this.#output.bytes.set(bytes.subarray(at, at + REJECT_DATA_BYTES), start + this.#output.dataOffset);
    putReject(this.#output.bytes, start, reason, this.status());
    this.#output.commit(REJECT_DATA_BYTES);
  }

  logoutRequest(seconds: number): void {
    const at = this.#output.reserve(0);
    putLogoutRequestMessage(this.#output.bytes, at, seconds, this.status());
    this.#output.commit(0);
  }

  dropMessage(): void {
    const at = this.#output.reserve(0);
    putDropMessage(this.#output.bytes, at, this.status());
    this.#output.commit(0);
  }
}
