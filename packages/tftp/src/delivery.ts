import type { TftpFile } from "./files.ts";
import { encodePacket, decodePacket } from "./packet.ts";
import type { TftpOption } from "./packet.ts";
import { ReadAhead } from "./read-ahead.ts";
import { ReadTransfer } from "./transfer.ts";
import type { TransferAction, TransferEvent, TransferOutcome, TransferPlan } from "./transfer.ts";

/** Time, as a transfer needs it. */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  now(): number;
  /** Runs `callback` once after `delayMs`; returns the function that cancels it, which MAY be called late or twice. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The way to the client of one transfer. */
export interface ClientLink {
  /** Sends one packet. The bytes may change once `drained` has resolved. */
  send(packet: Uint8Array): void;
  /** Undefined when no packet waits inside of this machine, or a promise of that. */
  drained(): Promise<void> | undefined;
}

/** How a transfer ended, with its figures. */
export interface TransferReport {
  readonly outcome: TransferOutcome;
  /** Bytes that the client acknowledged. */
  readonly bytes: number;
  readonly durationMs: number;
  readonly retransmittedBlocks: number;
}

/** What a delivery works with. */
export interface DeliveryDeps {
  readonly plan: TransferPlan;
  /** The options of the OACK; none when `plan.oack` is false. */
  readonly acknowledged: readonly TftpOption[];
  readonly file: TftpFile;
  readonly link: ClientLink;
  readonly clock: Clock;
  /** Called once. The delivery has let go of link and file by then, but closes neither. */
  readonly onEnd: (report: TransferReport) => void;
}

/** Performs the actions of one `ReadTransfer`: reads the file ahead, sends the packets, keeps the timer. */
export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #transfer: ReadTransfer;
  readonly #readAhead: ReadAhead;
  readonly #startedMs: number;
  #deadlineMs: number | undefined;
  #armed: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #ended = false;
  #loading: Promise<void> | undefined;

  constructor(deps: DeliveryDeps) {
    const { sizeBytes, parameters } = deps.plan;
    this.#deps = deps;
    this.#transfer = new ReadTransfer(deps.plan);
    this.#readAhead = new ReadAhead({
      sizeBytes,
      blksize: parameters.blksize,
      partBlocks: this.#transfer.partBlocks,
    });
    this.#startedMs = deps.clock.now();
  }

  /** Whether the client has been silent for at least one time-out. */
  get stalled(): boolean {
    return this.#transfer.stalled;
  }

  /** Sends the first packet. Call once. */
  start(): void {
    this.#perform(this.#transfer.start());
  }

  /**
   * Takes a packet from the client. Packets that have no meaning in a read transfer are ignored (RFC 1350 §4).
   *
   * @throws {DecodeError} when it is not a TFTP packet; the transfer goes on.
   */
  receivePacket(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet.kind === "ack" || packet.kind === "error") {
      this.receive(packet);
    }
  }

  /** Takes any event. */
  receive(event: TransferEvent): void {
    this.#perform(this.#transfer.receive(event));
  }

  /** Ends a transfer whose client has begun another one; nothing is sent. */
  replace(): void {
    this.#finish({ kind: "failed", reason: "replaced", message: "the client began another transfer" });
  }

  /** Resolves when no read of the file is under way. */
  async settled(): Promise<void> {
    await this.#loading;
  }

  #perform(actions: readonly TransferAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case "load":
          this.#loading = this.#load(action.part, action.offset);
          break;
        case "sendOack":
          this.#deps.link.send(encodePacket({ kind: "oack", options: this.#deps.acknowledged }));
          break;
        case "sendData":
          for (let index = 0; index < action.blockCount; index += 1) {
            this.#deps.link.send(this.#readAhead.packetOf(action.firstBlock + index));
          }
          break;
        case "sendError":
          this.#deps.link.send(encodePacket({ kind: "error", code: action.code, message: action.message }));
          break;
        case "setTimer":
          this.#setDeadline(this.#deps.clock.now() + action.delayMs);
          break;
        case "clearTimer":
          this.#deadlineMs = undefined;
          break;
        case "end":
          this.#finish(action.outcome);
          break;
      }
    }
  }

  async #load(part: number, offset: number): Promise<void> {
    let event: TransferEvent = { kind: "loaded" };
    try {
      // A packet that still waits to be sent lies in the buffer that is about to be written over.
      await this.#deps.link.drained();
      const room = this.#readAhead.roomFor(part);
      if (room.length > 0) {
        await this.#deps.file.read(offset, room);
      }
      this.#readAhead.finish(part);
    } catch (cause) {
      event = { kind: "loadFailed", message: cause instanceof Error ? cause.message : String(cause) };
    }
    if (!this.#ended) {
      this.receive(event);
    }
  }

  /**
   * The deadline moves with every packet, the clock's timer does not: it is set again when it runs out too early, or
   * when the deadline has come before it.
   */
  #setDeadline(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    if (this.#armed === undefined || deadlineMs < this.#armed.atMs) {
      this.#arm(deadlineMs);
    }
  }

  #arm(atMs: number): void {
    this.#armed?.cancel();
    const cancel = this.#deps.clock.setTimer(atMs - this.#deps.clock.now(), () => {
      this.#armed = undefined;
      if (this.#deadlineMs === undefined) {
        return;
      }
      if (this.#deps.clock.now() < this.#deadlineMs) {
        this.#arm(this.#deadlineMs);
        return;
      }
      this.#deadlineMs = undefined;
      this.receive({ kind: "timeout" });
    });
    this.#armed = { atMs, cancel };
  }

  #finish(outcome: TransferOutcome): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#deadlineMs = undefined;
    this.#armed?.cancel();
    this.#deps.onEnd({
      outcome,
      bytes: this.#transfer.ackedBytes,
      durationMs: this.#deps.clock.now() - this.#startedMs,
      retransmittedBlocks: this.#transfer.retransmittedBlocks,
    });
  }
}
