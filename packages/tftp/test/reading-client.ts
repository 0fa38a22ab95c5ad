import { decodePacket, encodePacket } from "../src/packet.ts";
import type { DataPacket, TftpPacket } from "../src/packet.ts";

/** What a reading client needs to know and to do. */
export interface ReadingClientDeps {
  readonly blksize: number;
  readonly windowsize: number;
  /** Whether the transfer begins with an OACK. */
  readonly oack: boolean;
  readonly send: (packet: Uint8Array) => void;
  readonly setTimer: (delayMs: number, callback: () => void) => () => void;
}

const CLIENT_TIMEOUT_MS = 3000;

/**
 * A client that reads one file, as RFC 1350 and RFC 7440 want it, and as awkward as they let it be: it answers every
 * block that it has already with the ACK of the last one in order, which is what starts a "sorcerer's apprentice".
 */
export class ReadingClient {
  readonly received: Uint8Array[] = [];
  complete = false;
  readonly #deps: ReadingClientDeps;
  #last = 0;
  #inWindow = 0;
  #started: boolean;
  #cancelTimer: () => void = () => undefined;

  constructor(deps: ReadingClientDeps) {
    this.#deps = deps;
    this.#started = !deps.oack;
  }

  /** Everything received in order. */
  content(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.received));
  }

  receive(bytes: Uint8Array): void {
    const packet: TftpPacket = decodePacket(bytes);
    if (packet.kind === "oack" && this.#last === 0) {
      this.#started = true;
      this.#acknowledge();
    } else if (packet.kind === "data" && this.#started) {
      this.#receiveData(packet);
    }
  }

  #receiveData(packet: DataPacket): void {
    if (packet.block !== ((this.#last + 1) & 0xffff)) {
      this.#acknowledge();
      return;
    }
    if (this.complete) {
      return;
    }
    this.received.push(packet.data.slice());
    this.#last += 1;
    this.#inWindow += 1;
    this.complete = packet.data.length < this.#deps.blksize;
    if (this.complete || this.#inWindow === this.#deps.windowsize) {
      this.#acknowledge();
    }
  }

  #acknowledge(): void {
    this.#inWindow = 0;
    this.#deps.send(encodePacket({ kind: "ack", block: this.#last & 0xffff }));
    this.#cancelTimer();
    if (!this.complete) {
      this.#cancelTimer = this.#deps.setTimer(CLIENT_TIMEOUT_MS, () => this.#acknowledge());
    }
  }
}
