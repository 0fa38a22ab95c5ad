import { SwarmError } from "../errors.ts";
import { verifyTicket } from "../identity/ticket.ts";
import { GATEWAYS_PER_SITE, TRANSFER_SLOTS } from "../limits.ts";
import { PieceSet } from "../piece-set.ts";
import { clientContext } from "../transfer/tls-context-socket.ts";
import { ControlDoor, dialControl } from "./control-socket.ts";
import type { Hello } from "./frames.ts";
import { MAX_BANS_PER_REPORT, MAX_HELLO_HOSTS, MAX_SOURCES_PER_REPORT, TICK_MS } from "./limits.ts";
import { Membership } from "./membership.ts";
import { Mesh } from "./mesh.ts";
import { Neighbourhood } from "./neighbourhood.ts";
import type { SwarmNodeOptions, SwarmNodeStats } from "./node-options.ts";
import { Starvation } from "./starvation.ts";

/**
 * A member of a swarm: `Peer`'s decisions, carried out over real connections. It finds its neighbours through the tracker, lets an engine
 * move the bytes, and deals with those that send wrong ones, stall, lie or flood.
 */
export class SwarmNode implements AsyncDisposable {
  /** Resolves when every piece is here; rejects when that cannot be any more, mostly with `SwarmError` `write-failed` or `closed`. */
  readonly completed: Promise<void>;
  readonly #options: SwarmNodeOptions;
  readonly #door: ControlDoor;
  readonly #held: PieceSet;
  readonly #isOrigin: boolean;
  readonly #instance: number;
  readonly #addresses: readonly string[];
  readonly #localBytes: number;
  readonly #neighbourhood: Neighbourhood;
  readonly #mesh: Mesh;
  readonly #membership: Membership;
  readonly #settle: PromiseWithResolvers<void>;
  readonly #starvation = new Starvation();
  #doneBytes = 0;
  #ticket: Uint8Array | undefined;
  #gatewayPlace: number | undefined;
  #stopTicking: () => void = () => undefined;
  #ignoreUploads: () => void = () => undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: SwarmNodeOptions, door: ControlDoor) {
    const { pieceMap, image, random } = options;
    this.#options = options;
    this.#door = door;
    this.#instance = Math.floor(random() * 2 ** 32);
    this.#addresses = (options.addresses ?? []).slice(0, MAX_HELLO_HOSTS);
    this.#held = new PieceSet(pieceMap.pieceCount);
    for (let piece = 0; piece < pieceMap.pieceCount; piece++) {
      const { first, end } = pieceMap.chunksOf(piece);
      let chunk = first;
      while (chunk < end && image.has(chunk)) chunk++;
      if (chunk < end) continue;
      this.#held.add(piece);
      this.#doneBytes += pieceMap.plainBytesOf(piece);
    }
    this.#localBytes = this.#doneBytes;
    this.#isOrigin = this.#held.isFull;
    this.#settle = Promise.withResolvers();
    this.completed = this.#settle.promise;
    // A node that is closed early need not have anybody who waits for it.
    this.completed.catch(() => undefined);
    if (this.#isOrigin) this.#settle.resolve();
    this.#neighbourhood = this.#startNeighbourhood();
    this.#mesh = this.#startMesh();
    this.#membership = this.#startMembership();
    this.#tickLater();
  }

  /** Opens the control door, or takes a share in one, and joins the swarm. The tracker need not be there yet. */
  static async start(options: SwarmNodeOptions): Promise<SwarmNode> {
    const { control, identity, engine, image } = options;
    const door = control instanceof ControlDoor ? control : await ControlDoor.start({ identity, ...control });
    const node = new SwarmNode(options, door);
    door.attach(image.manifestId, (connection) => node.#mesh.take(connection));
    node.#ignoreUploads = engine.onUpload((event) => node.#neighbourhood.uploaded(event));
    return node;
  }

  /** Port of the control door. */
  get port(): number {
    return this.#door.port;
  }

  /** Whether every piece is here. */
  get isComplete(): boolean {
    return this.#held.isFull;
  }

  /** The pieces that are here; a set of the caller's own. */
  get heldPieces(): PieceSet {
    return this.#held.clone();
  }

  stats(): SwarmNodeStats {
    const { pieceMap } = this.#options;
    const { traffic, sentBytes, hashesVerified, retries, conduct, size, fetches } = this.#neighbourhood;
    return {
      pieces: { held: this.#held.size, total: pieceMap.pieceCount },
      totalBytes: pieceMap.plainBytes,
      doneBytes: this.#doneBytes,
      bytes: { ...traffic.bytes, local: this.#localBytes },
      sentBytes,
      bytesPerSecond: traffic.bytesPerSecond,
      hashesVerified,
      retries,
      bans: conduct.banCount,
      neighbours: size,
      fetches: fetches.count,
    };
  }

  /** Pieces that multicast will bring are not fetched from peers. A later call takes the place of the earlier one; undefined: none. */
  setExpected(pieces: PieceSet | undefined): void {
    this.#neighbourhood.peer.setExpected(pieces);
  }

  /** Chunks of a piece were written by `OpenImage.write`, from so many bytes: when none is missing any more, the piece is here. */
  pieceWritten(piece: number, wireBytes: number): void {
    this.#neighbourhood.pieceWritten(piece, wireBytes);
  }

  /** Leaves the swarm: says so to the tracker and to the neighbours, and breaks off what is under way. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#stopTicking();
    this.#ignoreUploads();
    this.#door.detach(this.#options.image.manifestId);
    this.#mesh.close();
    this.#neighbourhood.close();
    this.#settle.reject(new SwarmError("closed", "the node was closed before everything was here"));
    await this.#membership.leave();
    if (this.#door !== this.#options.control) await this.#door.close();
  }

  #tickLater(): void {
    this.#stopTicking = this.#options.clock.after(TICK_MS, () => {
      this.#neighbourhood.tick();
      this.#mesh.tick();
      this.#watchSupply();
      this.#tickLater();
    });
  }

  #watchSupply(): void {
    const { clock, onEvent, downloadSlots } = this.#options;
    if (downloadSlots === 0) return;
    const { peer, fetches, size } = this.#neighbourhood;
    const change = this.#starvation.look(clock.now(), {
      held: this.#held.size,
      fetches: fetches.count,
      missing: () => peer.countMissing().missing,
    });
    if (change === "starved") onEvent?.({ kind: "starved", ...peer.countMissing(), neighbours: size });
    if (change === "fed") onEvent?.({ kind: "fed" });
  }

  #startNeighbourhood(): Neighbourhood {
    const { uploadSlots = TRANSFER_SLOTS, downloadSlots = TRANSFER_SLOTS, pieceMap } = this.#options;
    return new Neighbourhood({
      ...this.#options,
      held: this.#held,
      uploadSlots,
      downloadSlots,
      localAddresses: this.#addresses,
      onHeld: (piece) => {
        this.#doneBytes += pieceMap.plainBytesOf(piece);
        if (!this.#held.isFull) return;
        this.#settle.resolve();
        this.#membership.hurry();
      },
      onLost: (fingerprint, reason) => this.#mesh.lost(fingerprint, reason),
      onFailed: (error) => this.#settle.reject(error),
    });
  }

  #startMesh(): Mesh {
    const { identity, image, pieceMap, clock, random, ticketKey, onEvent } = this.#options;
    const { manifestId } = image;
    const neighbourhood = this.#neighbourhood;
    const secureContext = clientContext(identity);
    return new Mesh({
      fingerprint: identity.fingerprint,
      pieceCount: pieceMap.pieceCount,
      clock,
      random,
      dial: ({ address, fingerprint }, attempt) => {
        const localAddress = this.#addresses.length > 1 ? this.#addresses[attempt % this.#addresses.length] : undefined;
        return dialControl({ secureContext, address, fingerprint, manifestId, localAddress });
      },
      checkTicket: (ticket, fingerprint) =>
        void verifyTicket(ticket, ticketKey, { swarm: manifestId, fingerprint, nowMs: clock.now() }),
      hello: (isRemote) => this.#hello(isRemote),
      isBanned: (fingerprint, instance) => neighbourhood.conduct.isBanned(fingerprint, instance),
      connected: (fingerprint) => neighbourhood.connected(fingerprint),
      connectedCount: () => neighbourhood.size,
      onReplaced: (fingerprint) => {
        const before = neighbourhood.connected(fingerprint);
        if (before !== undefined) neighbourhood.remove(before, "it has started anew");
      },
      onConnected: (link, hello, isRemote) => {
        const place = isRemote ? this.#gatewayPlace : undefined;
        const share = place === undefined ? undefined : PieceSet.every(pieceMap.pieceCount, GATEWAYS_PER_SITE, place);
        neighbourhood.add(link, hello, share);
      },
      onUnreachable: (address, why) => onEvent?.({ kind: "unreachable", ...address, why }),
    });
  }

  #startMembership(): Membership {
    const { tracker, clock, random, onEvent } = this.#options;
    const { conduct } = this.#neighbourhood;
    return new Membership({
      tracker,
      clock,
      random,
      joinRequest: () => ({
        port: this.port,
        hosts: this.#addresses,
        heldPieces: this.#held.size,
        isComplete: this.#held.isFull,
      }),
      reportRequest: () => ({
        heldPieces: this.#held.size,
        isComplete: this.#held.isFull,
        neighbours: this.#neighbourhood.size,
        sentBytes: this.#neighbourhood.sentBytes,
        receivedBytes: this.#neighbourhood.traffic.total,
        uploads: this.#neighbourhood.uploads.count,
        uploadSlots: this.#neighbourhood.uploads.slots,
        sources: this.#neighbourhood.sources.take(MAX_SOURCES_PER_REPORT),
        bans: conduct.takeUnreported(MAX_BANS_PER_REPORT),
      }),
      onUnreported: ({ bans }) => conduct.putBack(bans),
      onTicket: (ticket) => {
        this.#ticket = ticket;
      },
      onNeighbours: (contacts) => this.#mesh.introduce(contacts),
      onGatewayPlace: (place) => {
        this.#gatewayPlace = place;
      },
      onTracker: (isReached, why) => onEvent?.({ kind: "tracker", isReached, ...(why === undefined ? {} : { why }) }),
      onRefused: (reason) => onEvent?.({ kind: "refused", reason }),
    });
  }

  #hello(isRemote: boolean): Hello | undefined {
    if (this.#ticket === undefined) return undefined;
    return {
      type: "hello",
      instance: this.#instance,
      bulkPort: this.#options.engine.port,
      isOrigin: this.#isOrigin,
      isRemote,
      ticket: this.#ticket,
      hosts: this.#addresses,
      held: this.#held,
    };
  }
}
