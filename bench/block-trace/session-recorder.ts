import { PduSplitter } from "./pdu-splitter.ts";
import type { TraceCommand } from "./block-trace.ts";

/** Opcodes of RFC 7143 §11.2.1.2 that tell commands and their ends. */
const Opcode = { scsiCommand: 0x01, login: 0x03, scsiResponse: 0x21, loginResponse: 0x23, dataIn: 0x25 } as const;

const OPCODE_BITS = 0x3f;
/** Flag of a Data-In: it carries the command's status (§11.7). */
const STATUS_BIT = 0x01;
/** Flags of a Login Response that ends the login: transit to full feature phase (§11.13). */
const LOGGED_IN = 0x83;
const MAX_RECV_KEY = /MaxRecvDataSegmentLength=(\d+)/;
/** Until it declares another, an initiator takes this much (§13.12). */
const DEFAULT_MAX_RECV = 8192;
const MAX_LOGIN_TEXT_BYTES = 8192;

/** Watches both directions of one connection and notes its logins, reads, writes and flushes. */
export class SessionRecorder {
  readonly #nowUs: () => number;
  readonly #noted: (command: TraceCommand) => void;
  readonly #open = new Map<number, (endUs: number) => TraceCommand>();
  readonly #sent: PduSplitter;
  readonly #received: PduSplitter;
  #login: { readonly atUs: number; text: string } | undefined;

  /** @param noted told of each command when it has been answered */
  constructor(nowUs: () => number, noted: (command: TraceCommand) => void) {
    this.#nowUs = nowUs;
    this.#noted = noted;
    this.#sent = new PduSplitter(MAX_LOGIN_TEXT_BYTES, (header, data) => this.#request(header, data));
    this.#received = new PduSplitter(0, (header) => this.#answer(header));
  }

  /** Bytes from the initiator. */
  fromInitiator(chunk: Buffer): void {
    this.#sent.push(chunk);
  }

  /** Bytes from the target. */
  fromTarget(chunk: Buffer): void {
    this.#received.push(chunk);
  }

  #request(header: Buffer, data: Buffer): void {
    const opcode = header.readUInt8(0) & OPCODE_BITS;
    const atUs = this.#nowUs();
    if (opcode === Opcode.login) {
      this.#login ??= { atUs, text: "" };
      this.#login.text += data.toString("latin1");
    }
    if (opcode !== Opcode.scsiCommand) return;
    const make = transferOf(header.subarray(32), atUs);
    if (make !== undefined) this.#open.set(header.readUInt32BE(16), make);
  }

  #answer(header: Buffer): void {
    const opcode = header.readUInt8(0) & OPCODE_BITS;
    const flags = header.readUInt8(1);
    if (opcode === Opcode.loginResponse && this.#login !== undefined && (flags & LOGGED_IN) === LOGGED_IN) {
      const { atUs, text } = this.#login;
      const maxRecvDataSegmentLength = Number(MAX_RECV_KEY.exec(text)?.[1] ?? DEFAULT_MAX_RECV);
      this.#noted({ kind: "login", atUs, durationUs: this.#nowUs() - atUs, maxRecvDataSegmentLength });
      this.#login = undefined;
    }
    const isEnd = opcode === Opcode.scsiResponse || (opcode === Opcode.dataIn && (flags & STATUS_BIT) !== 0);
    if (!isEnd) return;
    const tag = header.readUInt32BE(16);
    const command = this.#open.get(tag)?.(this.#nowUs());
    this.#open.delete(tag);
    if (command !== undefined) this.#noted(command);
  }
}

/** What a CDB is in a trace, to be completed with the time of its end; nothing for commands that move no blocks. */
function transferOf(cdb: Buffer, atUs: number): ((endUs: number) => TraceCommand) | undefined {
  const transfer = (kind: "read" | "write", lba: number, blocks: number) => (endUs: number) =>
    ({ kind, atUs, durationUs: endUs - atUs, lba, blocks }) as const;
  switch (cdb.readUInt8(0)) {
    case 0x08:
      return transfer("read", cdb.readUIntBE(1, 3) & 0x1f_ffff, cdb.readUInt8(4) || 256);
    case 0x28:
      return transfer("read", cdb.readUInt32BE(2), cdb.readUInt16BE(7));
    case 0x88:
      return transfer("read", Number(cdb.readBigUInt64BE(2)), cdb.readUInt32BE(10));
    case 0x2a:
      return transfer("write", cdb.readUInt32BE(2), cdb.readUInt16BE(7));
    case 0x8a:
      return transfer("write", Number(cdb.readBigUInt64BE(2)), cdb.readUInt32BE(10));
    case 0x35:
    case 0x91:
      return (endUs) => ({ kind: "flush", atUs, durationUs: endUs - atUs });
    default:
      return undefined;
  }
}
