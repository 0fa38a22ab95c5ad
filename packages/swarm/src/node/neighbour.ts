import type { PieceSet } from "../piece-set.ts";
import { type AddressPair, AddressPairs } from "./address-pairs.ts";
import type { Hello, Message } from "./frames.ts";
import type { HaveLog } from "./have-log.ts";
import { LITTLE_TO_GET } from "./limits.ts";
import type { Link } from "./link-socket.ts";

/** What a neighbour is made of. */
export interface NeighbourOptions {
  readonly id: number;
  readonly link: Link;
  readonly hello: Hello;
  /** It is behind a slow line. */
  readonly isFar: boolean;
  /** Own addresses to connect from. */
  readonly localAddresses: readonly string[];
  readonly haveLog: HaveLog;
}

/** One connected peer: what it was told and offered, and what it is sent. */
export class Neighbour {
  /** Its number in `Peer`. */
  readonly id: number;
  readonly link: Link;
  readonly instance: number;
  readonly isOrigin: boolean;
  readonly isFar: boolean;
  /** What it holds; `Peer` keeps it up to date. */
  readonly held: PieceSet;
  /** Offers that it has not answered. */
  offers = 0;
  /** When it was made the latest, in milliseconds. */
  offeredAt = 0;
  /** Its offers are declined until then, in milliseconds. */
  declinedUntil = 0;
  /** It was told that its offers are of no use, and has not been told otherwise: news of any kind tell it. */
  isKeptWaiting = false;
  /** It was told to offer nothing until it is told that offers are welcome. */
  isSentAway = false;
  /** It said the same. */
  isProvided = false;
  /** When it was last asked for a sign of life. */
  pingedAt = 0;
  readonly #bulkPort: number;
  readonly #pairs: AddressPairs;
  readonly #haveLog: HaveLog;
  /** Place in the log of pieces up to which it was told. */
  #told: number;
  /** Pieces that it asked for and is being sent, since when, and whether `Peer` counts that as its upload. */
  readonly #uploads = new Map<number, { readonly since: number; isCounted: boolean }>();

  constructor({ id, link, hello, isFar, localAddresses, haveLog }: NeighbourOptions) {
    this.id = id;
    this.link = link;
    this.instance = hello.instance;
    this.isOrigin = hello.isOrigin;
    this.isFar = isFar;
    this.held = hello.held;
    this.#bulkPort = hello.bulkPort;
    this.#pairs = new AddressPairs(localAddresses, [link.host, ...hello.hosts]);
    this.#haveLog = haveLog;
    this.#told = haveLog.end;
  }

  get fingerprint(): string {
    return this.link.fingerprint;
  }

  /** Whether it has not been told of everything. */
  get isBehind(): boolean {
    return this.#told < this.#haveLog.end;
  }

  /** Whether it lacks something that it was not told of, and knows of little else that it could get here. */
  wantsNews(held: PieceSet): boolean {
    if (this.isProvided) return false;
    const untold = this.#haveLog.count(this.#told, (piece) => !this.held.has(piece));
    return untold > 0 && held.countMissingIn(this.held) - untold < LITTLE_TO_GET;
  }

  /** Sends a message, after what it does not know of yet: what follows may be about that. */
  say(message: Message): void {
    this.tell();
    this.link.send(message);
  }

  /** Tells of the pieces that it was not told of. */
  tell(): void {
    if (!this.isBehind) return;
    for (const frame of this.#haveLog.framesFrom(this.#told)) this.link.sendFrame(frame);
    this.#told = this.#haveLog.end;
    this.isKeptWaiting = false;
  }

  /** Where to fetch the next piece from; and the way there, to say when it leads nowhere. */
  bulkAddress(now: number): {
    readonly address: { host: string; port: number; fingerprint: string; localAddress?: string };
    readonly pair: AddressPair;
  } {
    const pair = this.#pairs.next(now);
    const { host, localAddress } = pair;
    const address = { host, port: this.#bulkPort, fingerprint: this.fingerprint };
    return { address: localAddress === undefined ? address : { ...address, localAddress }, pair };
  }

  /** Nothing came by that way. Returns whether there is another one. */
  wayFailed(pair: AddressPair, now: number): boolean {
    return this.#pairs.failed(pair, now);
  }

  /** Offers and uploads of it. */
  get slotsInUse(): number {
    return this.offers + this.#uploads.size;
  }

  /** Whether it has asked for a piece, and gets it now. */
  isSent(piece: number): boolean {
    return this.#uploads.has(piece);
  }

  /** It has asked for a piece. */
  uploadBegins(piece: number, now: number): void {
    this.#uploads.set(piece, { since: now, isCounted: true });
  }

  /** It has the piece that it was sent, or does not want it any more. Returns whether `Peer` counts one. */
  uploadEnds(piece: number): boolean {
    const upload = this.#uploads.get(piece);
    this.#uploads.delete(piece);
    return upload?.isCounted === true;
  }

  /** Takes an upload that `Peer` counts out of its count. Returns whether there was one. */
  uncountUpload(): boolean {
    for (const upload of this.#uploads.values()) {
      if (!upload.isCounted) continue;
      upload.isCounted = false;
      return true;
    }
    return false;
  }

  /** Uploads that began before `time`. */
  uploadsSince(time: number): number[] {
    return [...this.#uploads].filter(([, { since }]) => since < time).map(([piece]) => piece);
  }
}
