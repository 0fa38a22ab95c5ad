import { MAX_FIRST_BURST_BYTES, MAX_HELD_PDUS } from "../limits.ts";
import type { FramedPdu } from "./framer.ts";

/** A command PDU that cannot be carried out yet, with the unsolicited data that followed it. */
export class HeldCommand {
  readonly command: FramedPdu;
  readonly #data: FramedPdu[] = [];
  #bytes = 0;

  /** Copies `pdu`. */
  constructor(pdu: FramedPdu) {
    this.command = copyOf(pdu);
    this.#bytes = pdu.dataLength;
  }

  /**
   * Copies a Data-Out PDU. What is beyond any first burst is left out: the command misses it and fails when it is carried out.
   */
  follow(pdu: FramedPdu): void {
    if (this.#data.length >= MAX_HELD_PDUS || this.#bytes + pdu.dataLength > MAX_FIRST_BURST_BYTES) return;
    this.#bytes += pdu.dataLength;
    this.#data.push(copyOf(pdu));
  }

  /** The Data-Out PDUs in the order in which they came. */
  get data(): readonly FramedPdu[] {
    return this.#data;
  }
}

function copyOf(pdu: FramedPdu): FramedPdu {
  const { bytes, at, dataAt, dataLength } = pdu;
  // Not `slice`: that of a Buffer copies nothing.
  const copy = new Uint8Array(bytes.subarray(at, dataAt + dataLength));
  return { ...pdu, bytes: copy, at: 0, dataAt: dataAt - at, buffer: undefined };
}
