import type { SwarmError } from "../errors.ts";
import { QUIET_AFTER_MS, SEED_EXTRA_SLOTS } from "../limits.ts";
import { Peer } from "../peer.ts";
import type { PieceSet } from "../piece-set.ts";
import type { UploadEvent } from "../transfer/transfer.ts";
import { Conduct, type Deed } from "./conduct.ts";
import { Fetches } from "./fetches.ts";
import { ByeReason, type Hello, type Message } from "./frames.ts";
import {
  DEAD_AFTER_MS,
  LATENCY_EVERY_MS,
  MAX_DECLINE_MS,
  MIN_DECLINE_MS,
  PARKED_OFFER_MS,
  PING_AFTER_MS,
  TICK_MS,
  UPLOAD_FORGOTTEN_MS,
} from "./limits.ts";
import type { Link, LinkEnd } from "./link-socket.ts";
import { Neighbour } from "./neighbour.ts";
import { News } from "./news.ts";
import type { SwarmNodeOptions } from "./node-options.ts";
import { Sources } from "./sources.ts";
import { Traffic } from "./traffic.ts";
import { Uploads } from "./uploads.ts";

/** What a neighbourhood needs. */
export interface NeighbourhoodOptions extends Pick<
  SwarmNodeOptions,
  "pieceMap" | "image" | "engine" | "server" | "random" | "clock" | "onEvent"
> {
  /** Kept up to date. */
  readonly held: PieceSet;
  readonly uploadSlots: number;
  readonly downloadSlots: number;
  /** Own addresses to connect from. */
  readonly localAddresses: readonly string[];
  /** A piece is here. */
  readonly onHeld: (piece: number) => void;
  /** A neighbour is not connected any more; it may be dialled again, unless it is banned or has gone. */
  readonly onLost: (fingerprint: string, reason: ByeReason | undefined) => void;
  /** Nothing can be fetched any more. */
  readonly onFailed: (error: unknown) => void;
}

/** The neighbours of a node: hears what they say, lets `Peer` decide, does what it decides, and judges what comes. */
export class Neighbourhood {
  readonly conduct: Conduct;
  readonly traffic: Traffic;
  readonly sources: Sources = new Sources();
  readonly fetches: Fetches;
  readonly peer: Peer;
  sentBytes = 0;
  hashesVerified = 0;
  retries = 0;
  readonly #options: NeighbourhoodOptions;
  readonly #neighbours = new Map<number, Neighbour>();
  readonly #byFingerprint = new Map<string, Neighbour>();
  readonly uploads: Uploads;
  readonly #news: News;
  /** Offers that were not answered yet, and what takes back their answer for want of room. */
  readonly #parked: { readonly id: number; readonly suggestion: number | undefined }[] = [];
  #unparkAt: () => void = () => undefined;
  #nextId = 1;
  #tickedAt: number;
  #isFailed = false;

  constructor(options: NeighbourhoodOptions) {
    const { held, uploadSlots, downloadSlots, random, clock, image, pieceMap } = options;
    this.#options = options;
    this.conduct = new Conduct(options.server);
    this.#tickedAt = clock.now();
    this.uploads = new Uploads({
      // As `Peer` counts them.
      slots: uploadSlots + (held.isFull ? SEED_EXTRA_SLOTS : 0),
      neighbours: () => this.#neighbours.values(),
      peer: () => this.peer,
    });
    this.#news = new News({
      clock,
      held,
      neighbours: () => this.#neighbours.values(),
      freeSlots: () => (this.fetches.count === 0 ? Infinity : downloadSlots - this.fetches.count),
    });
    this.traffic = new Traffic(() => clock.now());
    this.fetches = new Fetches({ image, pieceMap, clock }, this.traffic, {
      onFetched: (neighbour, piece, { ms, wireBytes }) => {
        this.traffic.tookMs(ms);
        this.sources.brought(neighbour.fingerprint, wireBytes, ms);
        this.#judge(neighbour.fingerprint, "success", "");
        this.#hold(neighbour.id, piece);
        // It holds a slot for us until it knows.
        neighbour.tell();
        this.#unpark(1);
      },
      onFailed: (neighbour, piece, error) => this.#fetchFailed(neighbour, piece, error),
      onFault: (error) => this.#fail(error),
    });
    this.peer = new Peer({
      held,
      uploadSlots,
      downloadSlots,
      random,
      actions: {
        announce: (piece) => this.#news.add(piece),
        welcome: () => this.#welcome(),
        grant: (id, suggestion) => this.#grant(id, suggestion),
        request: (id, piece) => this.#request(id, piece),
        decline: (id, untilWelcome) => this.#decline(id, untilWelcome),
        cancel: (id, piece) => this.#cancel(id, piece),
      },
    });
  }

  get size(): number {
    return this.#neighbours.size;
  }

  /** The neighbour with this key. */
  connected(fingerprint: string): Neighbour | undefined {
    return this.#byFingerprint.get(fingerprint);
  }

  /** A neighbour is connected. `share`: the pieces to fetch from it, where not all are. */
  add(link: Link, hello: Hello, share: PieceSet | undefined): void {
    const { engine, image, localAddresses, onEvent } = this.#options;
    const id = this.#nextId++;
    const isFar = share !== undefined;
    const neighbour = new Neighbour({ id, link, hello, isFar, localAddresses, haveLog: this.#news.log });
    const { fingerprint, held } = neighbour;
    link.handOver({
      onMessage: (message) => this.#heard(neighbour, message),
      onEnd: (why, details) => this.#linkEnded(neighbour, why, details),
    });
    this.#neighbours.set(id, neighbour);
    this.#byFingerprint.set(fingerprint, neighbour);
    this.conduct.pardon(fingerprint);
    engine.allow(fingerprint, image.manifestId);
    onEvent?.({ kind: "connected", fingerprint, host: link.host });
    this.peer.addNeighbour({ id, held, share });
  }

  /** Lets go of a neighbour, without a word to it. */
  remove(neighbour: Neighbour, why: string, reason?: ByeReason): void {
    const { id, fingerprint, link } = neighbour;
    if (!this.#neighbours.delete(id)) return;
    this.#byFingerprint.delete(fingerprint);
    link.destroy();
    this.fetches.cancelAll(neighbour);
    this.#options.onEvent?.({ kind: "lost", fingerprint, host: link.host, why });
    this.peer.removeNeighbour(id);
    this.#options.onLost(fingerprint, reason);
  }

  /** Chunks of a piece came by multicast. */
  pieceWritten(piece: number, wireBytes: number): void {
    this.traffic.add("multicast", wireBytes);
    if (this.fetches.missingOf(piece).length === 0) this.#hold(undefined, piece);
  }

  /** The engine has ended an upload. */
  uploaded({ fingerprint, manifestId, piece, wireBytes, state }: UploadEvent): void {
    if (manifestId !== this.#options.image.manifestId) return;
    this.sentBytes += wireBytes;
    const neighbour = this.#byFingerprint.get(fingerprint);
    if (state === "failed" && neighbour !== undefined) this.uploads.end(neighbour, piece);
  }

  /** What time brings; to be called every `TICK_MS`. */
  tick(): void {
    const now = this.#options.clock.now();
    // After a standstill of this machine, what the others said in the meantime has still to be read.
    const wasAway = now - this.#tickedAt > 2 * TICK_MS;
    this.#tickedAt = now;
    for (const neighbour of this.#neighbours.values()) {
      const silentMs = now - neighbour.link.heardAt;
      if (silentMs > DEAD_AFTER_MS && !wasAway) {
        this.sources.failed(neighbour.fingerprint);
        this.remove(neighbour, `nothing heard for ${silentMs} ms`);
        continue;
      }
      if (now - neighbour.pingedAt > (silentMs > PING_AFTER_MS ? PING_AFTER_MS : LATENCY_EVERY_MS)) {
        neighbour.pingedAt = now;
        neighbour.say({ type: "ping" });
      }
      if (neighbour.offers > 0 && now - neighbour.offeredAt > QUIET_AFTER_MS) this.peer.wentQuiet(neighbour.id);
      for (const piece of neighbour.uploadsSince(now - UPLOAD_FORGOTTEN_MS)) {
        this.uploads.end(neighbour, piece);
      }
      if (neighbour.isKeptWaiting && neighbour.declinedUntil > 0 && neighbour.declinedUntil <= now) {
        neighbour.declinedUntil = 0;
        this.#welcomeOne(neighbour);
      }
    }
  }

  close(): void {
    this.#news.close();
    this.#unparkAt();
    this.fetches.close();
    for (const { link } of this.#neighbours.values()) link.end(ByeReason.leaving);
    this.#neighbours.clear();
    this.#byFingerprint.clear();
  }

  #heard(neighbour: Neighbour, message: Message): void {
    const { id } = neighbour;
    switch (message.type) {
      case "have":
        for (const piece of message.pieces) {
          this.peer.neighbourHas(id, piece);
          this.uploads.end(neighbour, piece);
        }
        return;
      case "grant":
        return this.#granted(neighbour, message.suggestion);
      case "request":
        return this.#requested(neighbour, message.piece);
      case "decline":
        if (neighbour.offers === 0) return this.#judge(neighbour.fingerprint, "out-of-turn", "declines no offer");
        neighbour.offers--;
        neighbour.isProvided = message.untilWelcome;
        this.peer.declined(id, message.untilWelcome);
        return this.uploads.useIdleSlots();
      case "welcome":
        neighbour.isProvided = false;
        return this.peer.neighbourWelcomes(id);
      case "cancel":
        return this.uploads.end(neighbour, message.piece);
      case "bye":
        return this.remove(neighbour, `it says bye, reason ${message.reason}`, message.reason);
      case "ping":
        return neighbour.say({ type: "pong" });
      case "pong":
        return this.sources.answered(neighbour.fingerprint, this.#options.clock.now() - neighbour.pingedAt);
      case "hello":
        return this.#judge(neighbour.fingerprint, "out-of-turn", "a second hello");
    }
  }

  /** The sender is done with a piece before it is written here: an offer that comes in between waits for that, for a moment. */
  #granted(neighbour: Neighbour, suggestion: number | undefined): void {
    const { clock, downloadSlots } = this.#options;
    if (this.#isFailed || neighbour.declinedUntil > clock.now()) return this.#decline(neighbour.id, false);
    if (neighbour.isFar || this.fetches.count < downloadSlots || this.#parked.length >= downloadSlots) {
      return this.peer.granted(neighbour.id, suggestion);
    }
    this.#parked.push({ id: neighbour.id, suggestion });
    if (this.#parked.length === 1) this.#unparkAt = clock.after(PARKED_OFFER_MS, () => this.#unpark(Infinity));
  }

  /** Answers offers that wait, the oldest first. */
  #unpark(count: number): void {
    for (const { id, suggestion } of this.#parked.splice(0, count)) this.peer.granted(id, suggestion);
    if (this.#parked.length === 0) this.#unparkAt();
  }

  #requested(neighbour: Neighbour, piece: number): void {
    const { id, fingerprint } = neighbour;
    if (neighbour.offers === 0) return this.#judge(fingerprint, "out-of-turn", `asks for piece ${piece} unoffered`);
    neighbour.offers--;
    this.peer.requested(id, piece);
    if (!this.peer.held.has(piece) || neighbour.isSent(piece)) {
      this.peer.uploaded(id);
      const why = neighbour.isSent(piece) ? "is on its way to it" : "is not here";
      return this.#judge(fingerprint, "out-of-turn", `asks for piece ${piece}, which ${why}`);
    }
    this.uploads.begin(neighbour, piece, this.#options.clock.now());
  }

  #grant(id: number, suggestion: number | undefined): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    neighbour.offers++;
    neighbour.offeredAt = this.#options.clock.now();
    neighbour.say({ type: "grant", suggestion });
  }

  #request(id: number, piece: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    const missing = this.fetches.missingOf(piece);
    if (missing.length === 0) {
      // Multicast has just brought it.
      neighbour.say({ type: "decline", untilWelcome: false });
      queueMicrotask(() => this.#hold(id, piece));
      return;
    }
    neighbour.say({ type: "request", piece });
    this.fetches.start(neighbour, piece, missing);
  }

  #decline(id: number, untilWelcome: boolean): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    neighbour.say({ type: "decline", untilWelcome });
    neighbour.isSentAway = untilWelcome;
    neighbour.isKeptWaiting = !untilWelcome;
  }

  #cancel(id: number, piece: number): void {
    const neighbour = this.#neighbours.get(id);
    if (neighbour === undefined) return;
    this.fetches.cancel(neighbour, piece);
    neighbour.say({ type: "cancel", piece });
  }

  /** Only those that were declined have to know. */
  #welcome(): void {
    if (this.#isFailed) return;
    const now = this.#options.clock.now();
    for (const neighbour of this.#neighbours.values()) {
      const waits = neighbour.isKeptWaiting || neighbour.isSentAway;
      if (waits && neighbour.declinedUntil <= now) this.#welcomeOne(neighbour);
    }
  }

  #welcomeOne(neighbour: Neighbour): void {
    neighbour.isKeptWaiting = false;
    neighbour.isSentAway = false;
    neighbour.say({ type: "welcome" });
  }

  #hold(id: number | undefined, piece: number): void {
    const { held } = this.peer;
    if (held.has(piece)) return;
    const { first, end } = this.#options.pieceMap.chunksOf(piece);
    this.hashesVerified += end - first;
    this.peer.received(id, piece);
    if (held.isFull) this.#news.tellAll();
    this.#options.onHeld(piece);
  }

  #fetchFailed(neighbour: Neighbour, piece: number, error: SwarmError): void {
    const { id, fingerprint } = neighbour;
    const { code } = error;
    const why = `piece ${piece}: ${error.message}`;
    if (code === "write-failed" || code === "closed") return this.#fail(error);
    this.#options.onEvent?.({ kind: "failed-fetch", fingerprint, piece, why });
    this.retries++;
    neighbour.say({ type: "cancel", piece });
    // What came before it failed may have been all that was missing.
    if (this.fetches.missingOf(piece).length === 0) this.#hold(id, piece);
    else this.peer.failed(id, piece);
    const { instance } = neighbour;
    if (code === "wrong-bytes") return this.#judge(fingerprint, "wrong-bytes", why, { piece, instance });
    this.sources.failed(fingerprint);
    if (code === "refused" && error.status === 404) this.#judge(fingerprint, "false-have", why);
    const { clock } = this.#options;
    const declineMs = Math.min(MAX_DECLINE_MS, MIN_DECLINE_MS * 2 ** this.conduct.failuresOf(fingerprint));
    neighbour.declinedUntil = clock.now() + declineMs;
    this.#judge(fingerprint, "failure", why);
  }

  #linkEnded(neighbour: Neighbour, why: LinkEnd, details: string): void {
    if (why === "malformed" || why === "flood") this.#judge(neighbour.fingerprint, why, details);
    else this.sources.failed(neighbour.fingerprint);
    this.remove(neighbour, `${why}: ${details}`);
  }

  #judge(fingerprint: string, deed: Deed, why: string, facts?: { piece: number; instance: number }): void {
    const verdict = this.conduct.judge(fingerprint, deed, facts);
    if (verdict.kind === "none") return;
    const neighbour = this.#byFingerprint.get(fingerprint);
    const { engine, image, onEvent } = this.#options;
    if (verdict.kind === "ban") {
      const { reason } = verdict;
      onEvent?.({ kind: "banned", fingerprint, reason, why });
      engine.disallow(fingerprint, image.manifestId);
      neighbour?.link.end(ByeReason.banned);
    } else neighbour?.link.end(ByeReason.full);
    if (neighbour !== undefined) this.remove(neighbour, why, verdict.kind === "ban" ? ByeReason.banned : undefined);
  }

  #fail(error: unknown): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    this.fetches.close();
    this.#options.onFailed(error);
  }
}
