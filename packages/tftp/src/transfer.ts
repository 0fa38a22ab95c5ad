import { FIRST_TIMEOUT_MS, LONGEST_TIMEOUT_MS, MAX_RETRANSMISSIONS, READ_AHEAD_BYTES } from "./limits.ts";
import type { TransferParameters } from "./options.ts";
import { ErrorCode } from "./packet.ts";

/** What a read transfer is about. */
export interface TransferPlan {
  readonly sizeBytes: number;
  readonly parameters: TransferParameters;
  /** Whether options are acknowledged, so that an OACK opens the transfer instead of the first block. */
  readonly oack: boolean;
  /** Whether the client asked for the size: then it may abort once it knows it. */
  readonly tsizeAsked: boolean;
}

/** What happens to a transfer. Blocks are counted from 1 and do not wrap, except in `ack`. */
export type TransferEvent =
  | { readonly kind: "ack"; /** 16 bits, as in the packet. */ readonly block: number }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  /** The timer that was set last has run out. */
  | { readonly kind: "timeout" }
  /** The part asked for by the last `load` is in memory. */
  | { readonly kind: "loaded" }
  | { readonly kind: "loadFailed"; readonly message: string }
  /** The client sent its request again, from the same port. */
  | { readonly kind: "repeated" }
  /** The client's port is closed (ICMP), or the server is about to close. */
  | { readonly kind: "gone"; readonly reason: "peerGone" | "serverClosed" };

/** What is to be done, in this order. */
export type TransferAction =
  /** Read `length` bytes at `offset` of the file as part `part`; answer with `loaded` or `loadFailed`. */
  | { readonly kind: "load"; readonly part: number; readonly offset: number; readonly length: number }
  | { readonly kind: "sendOack" }
  | { readonly kind: "sendData"; readonly firstBlock: number; readonly blockCount: number }
  | { readonly kind: "sendError"; readonly code: number; readonly message: string }
  /** Replaces the timer that was set before. */
  | { readonly kind: "setTimer"; readonly delayMs: number }
  | { readonly kind: "clearTimer" }
  /** The last action of a transfer. */
  | { readonly kind: "end"; readonly outcome: TransferOutcome };

/** Why a transfer failed. */
export type TransferFailure =
  /** The client went silent. */
  | "timedOut"
  /** The client sent ERROR. */
  | "aborted"
  /** The client refused the acknowledged options (ERROR 8). */
  | "optionsRefused"
  /** The file could not be read. */
  | "readFailed"
  /** The client's port was closed. */
  | "peerGone"
  /** The client began another transfer from the same port. */
  | "replaced"
  /** The server was closed. */
  | "serverClosed";

/** How a transfer ended. */
export type TransferOutcome =
  | { readonly kind: "completed" }
  /** The client wanted the size only: UEFI asks for `tsize`, then aborts. */
  | { readonly kind: "probed" }
  | { readonly kind: "failed"; readonly reason: TransferFailure; readonly message: string };

/**
 * One read transfer without sockets, files or clocks: events in, actions out (RFC 1350 §4, 2347, 2349, 7440).
 *
 * The file is loaded in parts of whole blocks, two of which are in memory at a time: the one that is being sent and
 * the next one. A window never spans more than two parts.
 */
export class ReadTransfer {
  /** Blocks of the whole transfer; the last one is shorter than `blksize`, and empty when the size is a multiple. */
  readonly blockCount: number;
  /** Blocks of a part, the last part of a file excepted. */
  readonly partBlocks: number;
  readonly #plan: TransferPlan;
  #ended = false;
  #oackPending: boolean;
  #acked = 0;
  #next = 1;
  #highestSent = 0;
  /** Duplicate ACKs at or below this block may be echoes of blocks that were sent twice: they tell nothing. */
  #recoverThrough = -1;
  #retries = 0;
  #partsLoaded = 0;
  #loading = false;
  #retransmittedBlocks = 0;

  constructor(plan: TransferPlan) {
    const { blksize, windowsize } = plan.parameters;
    this.#plan = plan;
    this.#oackPending = plan.oack;
    this.blockCount = Math.floor(plan.sizeBytes / blksize) + 1;
    this.partBlocks = Math.max(windowsize, Math.floor(READ_AHEAD_BYTES / blksize), 1);
  }

  /** Bytes that the client has acknowledged. */
  get ackedBytes(): number {
    return Math.min(this.#acked * this.#plan.parameters.blksize, this.#plan.sizeBytes);
  }

  /** Blocks that were sent more than once, counted each time. */
  get retransmittedBlocks(): number {
    return this.#retransmittedBlocks;
  }

  /** Whether the client has been silent for at least one time-out. */
  get stalled(): boolean {
    return this.#retries > 0;
  }

  /** The first actions. Call once. */
  start(): readonly TransferAction[] {
    const actions: TransferAction[] = [];
    this.#load(actions);
    if (this.#oackPending) {
      actions.push({ kind: "sendOack" }, this.#timer());
    } else {
      this.#send(actions);
    }
    return actions;
  }

  /** What an event leads to. After the end every event leads to nothing. */
  receive(event: TransferEvent): readonly TransferAction[] {
    const actions: TransferAction[] = [];
    if (this.#ended) {
      return actions;
    }
    switch (event.kind) {
      case "ack":
        this.#receiveAck(event.block, actions);
        break;
      case "error":
        this.#receiveError(event.code, event.message, actions);
        break;
      case "timeout":
        this.#receiveTimeout(actions);
        break;
      case "loaded":
        this.#loading = false;
        this.#partsLoaded += 1;
        this.#load(actions);
        this.#send(actions);
        break;
      case "loadFailed":
        actions.push({ kind: "sendError", code: ErrorCode.undefined, message: "The file could not be read" });
        this.#fail("readFailed", event.message, actions);
        break;
      case "repeated":
        this.#receiveRepeated(actions);
        break;
      case "gone":
        if (event.reason === "serverClosed") {
          actions.push({ kind: "sendError", code: ErrorCode.undefined, message: "The server is closing" });
        }
        this.#fail(event.reason, `after ${this.ackedBytes} of ${this.#plan.sizeBytes} bytes`, actions);
        break;
    }
    return actions;
  }

  #receiveAck(block: number, actions: TransferAction[]): void {
    const advance = (block - this.#acked) & 0xffff;
    if (this.#oackPending) {
      if (advance === 0) {
        this.#oackPending = false;
        this.#retries = 0;
        actions.push({ kind: "clearTimer" });
        this.#send(actions);
      }
      return;
    }
    if (advance === 0) {
      this.#receiveDuplicateAck(actions);
      return;
    }
    if (advance > this.#highestSent - this.#acked) {
      return;
    }
    this.#acked += advance;
    this.#retries = 0;
    if (this.#acked === this.blockCount) {
      this.#end({ kind: "completed" }, actions);
      return;
    }
    this.#next = Math.max(this.#next, this.#acked + 1);
    if (this.#acked < this.#highestSent) {
      // RFC 7440 §4: an ACK from within the window tells of a gap behind it; the next window starts there.
      this.#rewind();
    }
    if (this.#acked === this.#highestSent) {
      actions.push({ kind: "clearTimer" });
    }
    this.#load(actions);
    this.#send(actions);
  }

  #receiveDuplicateAck(actions: TransferAction[]): void {
    // Without a window a duplicate ACK must not send anything: "sorcerer's apprentice" (RFC 1123 §4.2.3.1). With a
    // window it is how a client reports that the first block was lost. It is believed once per window, so that the
    // ACKs which the repeated blocks provoke do not repeat the next window in turn.
    const tellsOfGap = this.#plan.parameters.windowsize > 1 && this.#highestSent > this.#acked;
    if (tellsOfGap && this.#acked > this.#recoverThrough) {
      this.#rewind();
      this.#send(actions);
    }
  }

  #receiveError(code: number, message: string, actions: TransferAction[]): void {
    if (this.#oackPending && this.#plan.tsizeAsked) {
      this.#end({ kind: "probed" }, actions);
      return;
    }
    const reason = this.#oackPending && code === ErrorCode.optionNegotiation ? "optionsRefused" : "aborted";
    this.#fail(reason, `client's error ${code}: ${message}`, actions);
  }

  #receiveTimeout(actions: TransferAction[]): void {
    if (this.#retries === MAX_RETRANSMISSIONS) {
      actions.push({ kind: "sendError", code: ErrorCode.undefined, message: "Timed out" });
      const where = this.#oackPending ? "the option acknowledgement" : `block ${this.#acked + 1} of ${this.blockCount}`;
      this.#fail("timedOut", `no answer to ${where} after ${this.#retries} retransmissions`, actions);
      return;
    }
    this.#retries += 1;
    if (this.#oackPending) {
      actions.push({ kind: "sendOack" }, this.#timer());
      return;
    }
    this.#rewind();
    this.#send(actions);
  }

  #receiveRepeated(actions: TransferAction[]): void {
    if (this.#oackPending) {
      actions.push({ kind: "sendOack" }, this.#timer());
    } else if (!this.#plan.oack && this.#acked === 0 && this.#highestSent > 0) {
      this.#rewind();
      this.#send(actions);
    }
  }

  /** Goes back to the first block that is not acknowledged. */
  #rewind(): void {
    this.#recoverThrough = this.#highestSent;
    this.#next = this.#acked + 1;
  }

  #send(actions: TransferAction[]): void {
    if (this.#oackPending) {
      return;
    }
    const { windowsize } = this.#plan.parameters;
    const loadedBlocks = this.#partsLoaded * this.partBlocks;
    const last = Math.min(this.#acked + windowsize, this.blockCount, loadedBlocks);
    if (this.#next > last) {
      return;
    }
    actions.push({ kind: "sendData", firstBlock: this.#next, blockCount: last - this.#next + 1 }, this.#timer());
    this.#retransmittedBlocks += Math.max(0, Math.min(last, this.#highestSent) - this.#next + 1);
    this.#highestSent = Math.max(this.#highestSent, last);
    this.#next = last + 1;
  }

  /** Asks for the next part when a buffer is free for it: the part before the last one is acknowledged. */
  #load(actions: TransferAction[]): void {
    const { blksize } = this.#plan.parameters;
    const partBytes = this.partBlocks * blksize;
    const current = Math.floor(this.#acked / this.partBlocks);
    const part = this.#partsLoaded;
    if (this.#loading || part > current + 1 || part * this.partBlocks >= this.blockCount) {
      return;
    }
    const offset = part * partBytes;
    this.#loading = true;
    actions.push({ kind: "load", part, offset, length: Math.min(partBytes, this.#plan.sizeBytes - offset) });
  }

  #timer(): TransferAction {
    const delayMs =
      this.#plan.parameters.timeoutMs ?? Math.min(FIRST_TIMEOUT_MS * 2 ** this.#retries, LONGEST_TIMEOUT_MS);
    return { kind: "setTimer", delayMs };
  }

  #fail(reason: TransferFailure, message: string, actions: TransferAction[]): void {
    this.#end({ kind: "failed", reason, message }, actions);
  }

  #end(outcome: TransferOutcome, actions: TransferAction[]): void {
    this.#ended = true;
    actions.push({ kind: "clearTimer" }, { kind: "end", outcome });
  }
}
