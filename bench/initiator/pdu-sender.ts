import type { Socket } from "node:net";
import { crc32c } from "@ingot/wire";
import { dataOutPdu } from "./command-pdu.ts";

/** What an R2T asks for, and of which command. */
export interface Burst {
  readonly tag: number;
  readonly transferTag: number;
  readonly lun: number;
  readonly expStatSN: number;
  /** Bytes of the payload, `[from, until)`. */
  readonly from: number;
  readonly until: number;
}

/** Sends PDUs, with digests where they were agreed on. */
export class PduSender {
  hasDigests = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A header and its data, whose length is a multiple of four. */
  send(header: Buffer, data?: Buffer): void {
    const parts: Uint8Array[] = [header];
    if (this.hasDigests) parts.push(digestOf(header));
    if (data !== undefined && data.length > 0) {
      parts.push(data);
      if (this.hasDigests) parts.push(digestOf(data));
    }
    if (parts.length > 1) this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    if (parts.length > 1) this.#socket.uncork();
  }

  /** Answers an R2T (RFC 7143 §11.8) by Data-Out PDUs of at most `maxBytes`. */
  sendBurst(burst: Burst, payload: Buffer, maxBytes: number): void {
    const { from, until, ...fields } = burst;
    for (let offset = from, dataSN = 0; offset < until; dataSN++) {
      const length = Math.min(maxBytes, until - offset);
      const header = dataOutPdu({ ...fields, dataSN, offset, isLast: offset + length === until, length });
      this.send(header, payload.subarray(offset, offset + length));
      offset += length;
    }
  }
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const digest = Buffer.alloc(4);
  digest.writeUInt32LE(crc32c(bytes));
  return digest;
}
