import type { TLSSocket } from "node:tls";
import { DecodeError } from "@ingot/wire";
import { type ByeReason, encodeFrame, FrameDecoder, type Message } from "./frames.ts";
import { MAX_FRAME_BURST, MAX_FRAMES_PER_SECOND, MAX_UNSENT_BYTES } from "./limits.ts";

/** Why a link ended: the other side or the network; or it sent what is no frame, or too many, or does not read what it is sent. */
export type LinkEnd = "gone" | "malformed" | "flood" | "deaf";

/** What happens on a link. */
export interface LinkEvents {
  onMessage(message: Message): void;
  /** Called once; nothing follows. Not called after `destroy`. */
  onEnd(why: LinkEnd, details: string): void;
}

/** How a link is made. */
export interface LinkOptions {
  readonly socket: TLSSocket;
  /** What came on the connection already. */
  readonly head: Uint8Array;
  /** Of the key that the other side has proved to have. */
  readonly fingerprint: string;
  /** This side has made the connection. */
  readonly isDialled: boolean;
  readonly pieceCount: number;
  readonly now: () => number;
}

/** The control connection to one peer: messages in, messages out, within limits. */
export class Link {
  readonly fingerprint: string;
  readonly isDialled: boolean;
  /** The address of the other side. */
  readonly host: string;
  /** When the last byte came, in milliseconds. */
  heardAt: number;
  readonly #socket: TLSSocket;
  readonly #decoder: FrameDecoder;
  readonly #now: () => number;
  #events: LinkEvents | undefined;
  #isEnding = false;
  #unsent: Uint8Array[] = [];
  /** Frames that may come now. */
  #allowance = MAX_FRAME_BURST;
  #allowedAt: number;

  constructor({ socket, fingerprint, isDialled, pieceCount, now }: LinkOptions) {
    this.fingerprint = fingerprint;
    this.isDialled = isDialled;
    this.host = plainAddress(socket.remoteAddress ?? "");
    this.heardAt = now();
    this.#socket = socket;
    this.#decoder = new FrameDecoder(pieceCount);
    this.#now = now;
    this.#allowedAt = this.heardAt;
  }

  /** Takes over a connection. Events may come from now on. */
  static open(options: LinkOptions, events: LinkEvents): Link {
    const link = new Link(options);
    link.#listen(events, options.head);
    return link;
  }

  /** Who hears from now on, instead of who heard before. Not for a link that has ended. */
  handOver(events: LinkEvents): void {
    if (this.#events !== undefined) this.#events = events;
  }

  /** Sends a message; what is sent in one turn of the event loop leaves together. */
  send(message: Message): void {
    this.sendFrame(encodeFrame(message));
  }

  /** Sends a frame that was encoded before, for several neighbours at once. */
  sendFrame(frame: Uint8Array): void {
    if (this.#events === undefined) return;
    if (this.#unsent.length === 0) setImmediate(() => this.#flush());
    this.#unsent.push(frame);
  }

  /** Says why, and closes. No event follows. */
  end(reason: ByeReason): void {
    this.send({ type: "bye", reason });
    this.#flush();
    this.#events = undefined;
    this.#isEnding = true;
    this.#socket.end();
    // Whoever does not close its side is not waited for.
    this.#socket.setTimeout(1000, () => this.#socket.destroy());
  }

  /** Closes without a word, unless `end` was called. No event follows. Idempotent. */
  destroy(): void {
    this.#events = undefined;
    if (!this.#isEnding) this.#socket.destroy();
  }

  #listen(events: LinkEvents, head: Uint8Array): void {
    this.#events = events;
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.setTimeout(0);
    socket.on("data", (bytes: Uint8Array) => this.#received(bytes));
    socket.on("error", (error) => this.#fail("gone", error.message));
    socket.on("end", () => this.#fail("gone", "closed by the other side"));
    socket.on("close", () => this.#fail("gone", "closed"));
    if (head.length > 0) socket.unshift(head);
    socket.resume();
  }

  #received(bytes: Uint8Array): void {
    if (this.#events === undefined) return;
    this.heardAt = this.#now();
    try {
      const messages = this.#decoder.push(bytes);
      if (!this.#allows(messages.length)) {
        this.#fail("flood", `${messages.length} frames at once`);
        return;
      }
      for (const message of messages) this.#events?.onMessage(message);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#fail("malformed", error.message);
    }
  }

  #allows(frames: number): boolean {
    const elapsed = Math.max(0, this.heardAt - this.#allowedAt);
    this.#allowedAt = this.heardAt;
    this.#allowance = Math.min(MAX_FRAME_BURST, this.#allowance + (elapsed * MAX_FRAMES_PER_SECOND) / 1000) - frames;
    return this.#allowance >= 0;
  }

  #flush(): void {
    if (this.#unsent.length === 0 || this.#events === undefined) return;
    const [first] = this.#unsent;
    const bytes = this.#unsent.length === 1 && first !== undefined ? first : Buffer.concat(this.#unsent);
    this.#unsent = [];
    this.#socket.write(bytes);
    if (this.#socket.writableLength > MAX_UNSENT_BYTES)
      this.#fail("deaf", `${this.#socket.writableLength} bytes unsent`);
  }

  #fail(why: LinkEnd, details: string): void {
    const events = this.#events;
    if (events === undefined) return;
    this.destroy();
    events.onEnd(why, details);
  }
}

/** IPv4 as such, and not within IPv6. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
