import { parseDigest, type DirectoryStore, type Digest } from "@ingot/chunks";
import {
  type ControlDoor,
  type Identity,
  type OpenImage,
  PieceMap,
  SwarmNode,
  systemClock,
  type TrackerService,
  type TransferEngine,
} from "@ingot/swarm";
import { damagedChunksOf } from "./stored-pieces.ts";

/** A swarm that nobody but the server has been in for so long is left by it, too. */
const IDLE_MS = 10 * 60_000;

/** A piece that somebody got wrong bytes of is looked at in the store once in so long, in milliseconds, however many say so. */
const CHECK_EVERY_MS = 60_000;

/** Pieces of one image that wait to be looked at: members may lie, and reading is work. */
const MAX_CHECKS = 64;

/**
 * Uploads of the server at a time: more than a peer has, because each machine that loses power without a word holds one until that is noticed,
 * and nobody else has the first copy.
 */
const SEED_SLOTS = 4;

/** What the server's seeds share. */
export interface SeedsDeps {
  readonly store: Pick<DirectoryStore, "readManifest" | "locate">;
  readonly identity: Identity;
  readonly ticketKey: string;
  readonly tracker: TrackerService;
  readonly engine: TransferEngine;
  readonly door: ControlDoor;
  /** The address that peers connect to. */
  readonly address: string;
  /** The branch that the server stands in. */
  readonly site: string;
  readonly random: () => number;
  /** Chunks of a version turned out to be damaged in the store, and are not served any more. */
  readonly onDamaged: (manifestId: string, chunks: readonly string[]) => void;
  readonly onError: (error: unknown) => void;
}

interface Seed {
  readonly pieceMap: PieceMap;
  readonly image: OpenImage;
  node: SwarmNode;
  /** When somebody else was last seen in its swarm. */
  busyAt: number;
  /** When each piece that somebody complained of was looked at. */
  readonly checkedAt: Map<number, number>;
  /** Looks at one piece after the other. */
  checking: Promise<void>;
  /** Chunks that are damaged in the store. */
  readonly damaged: Set<number>;
}

/** The server as a member of swarms: the one that has everything, of each version that somebody fetches. */
export class Seeds {
  readonly #deps: SeedsDeps;
  readonly #seeds = new Map<string, Promise<Seed>>();
  readonly #sweeping: NodeJS.Timeout;

  constructor(deps: SeedsDeps) {
    this.#deps = deps;
    this.#sweeping = setInterval(() => void this.#sweep().catch(deps.onError), IDLE_MS / 10);
    this.#sweeping.unref();
  }

  /** The versions that are being seeded. */
  get active(): readonly string[] {
    return [...this.#seeds.keys()];
  }

  /** Sees to it that the server is in the swarm of a version; resolves when it is. Rejects as the store does. */
  async ensure(manifestId: string): Promise<void> {
    let seed = this.#seeds.get(manifestId);
    if (seed === undefined) {
      seed = this.#open(parseDigest(manifestId));
      this.#seeds.set(manifestId, seed);
      seed.catch(() => this.#seeds.delete(manifestId));
    }
    (await seed).busyAt = Date.now();
  }

  /** The pieces of a version, for those who send it another way. Rejects as `ensure`. */
  async piecesOf(manifestId: string): Promise<PieceMap> {
    await this.ensure(manifestId);
    const seed = await this.#seeds.get(manifestId);
    if (seed === undefined) throw new Error(`the swarm of ${manifestId} was left`);
    return seed.pieceMap;
  }

  /**
   * Somebody says that it got wrong bytes of a piece from here. It may lie, or its line may; but where it is the store that is damaged, what is
   * damaged must not be offered any more: everybody who got it would turn away from the server, and nobody would get the rest.
   */
  async doubt(manifestId: string, piece: number): Promise<void> {
    const seed = await this.#seeds.get(manifestId);
    if (seed === undefined || piece >= seed.pieceMap.pieceCount) return;
    const now = Date.now();
    for (const [checked, atMs] of seed.checkedAt) if (now - atMs > CHECK_EVERY_MS) seed.checkedAt.delete(checked);
    if (seed.checkedAt.has(piece) || seed.checkedAt.size >= MAX_CHECKS) return;
    seed.checkedAt.set(piece, now);
    seed.checking = seed.checking.then(() => this.#check(seed, piece)).catch(this.#deps.onError);
    await seed.checking;
  }

  /** Leaves all swarms. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await Promise.all([...this.#seeds.keys()].map((id) => this.#leave(id)));
  }

  async #open(manifestId: Digest): Promise<Seed> {
    const { store, engine } = this.#deps;
    const pieceMap = PieceMap.of(await store.readManifest(manifestId));
    const image = await engine.open({
      manifestId,
      pieceMap,
      source: { kind: "store", locate: (digest) => store.locate(digest) },
    });
    const node = await this.#join(pieceMap, image);
    return {
      pieceMap,
      image,
      node,
      busyAt: Date.now(),
      checkedAt: new Map(),
      checking: Promise.resolve(),
      damaged: new Set(),
    };
  }

  #join(pieceMap: PieceMap, image: OpenImage): Promise<SwarmNode> {
    const { identity, ticketKey, tracker, engine, door, address, site, random } = this.#deps;
    const peer = { fingerprint: identity.fingerprint, address, site, isTrusted: true };
    return SwarmNode.start({
      pieceMap,
      identity,
      ticketKey,
      engine,
      image,
      tracker: tracker.clientFor(image.manifestId, peer),
      control: door,
      uploadSlots: SEED_SLOTS,
      // What is damaged here is not fetched from others: the store is written by imports alone.
      downloadSlots: 0,
      random,
      clock: systemClock(),
    });
  }

  async #check(seed: Seed, piece: number): Promise<void> {
    const { store, onDamaged } = this.#deps;
    const { pieceMap, image, damaged } = seed;
    const found = (await damagedChunksOf(store, pieceMap, piece)).filter((chunk) => !damaged.has(chunk));
    if (found.length === 0) return;
    for (const chunk of found) damaged.add(chunk);
    image.forget(found);
    onDamaged(
      image.manifestId,
      found.map((chunk) => pieceMap.digestOf(chunk)),
    );
    // Nobody takes back what it told its neighbours that it has; a member that has started anew tells them anew.
    await seed.node.close();
    if (this.#seeds.has(image.manifestId)) seed.node = await this.#join(pieceMap, image);
  }

  async #sweep(): Promise<void> {
    const { tracker } = this.#deps;
    for (const [manifestId, opening] of this.#seeds) {
      const seed = await opening;
      if (tracker.membersOf(manifestId).length > 1) seed.busyAt = Date.now();
      else if (Date.now() - seed.busyAt > IDLE_MS) await this.#leave(manifestId);
      if (seed.damaged.size > 0 && (await this.#isHealed(seed))) {
        await this.#leave(manifestId);
        await this.ensure(manifestId);
      }
    }
  }

  /** Whether what was damaged has come again, by an import. */
  async #isHealed({ pieceMap, damaged }: Seed): Promise<boolean> {
    const pieces = new Set([...damaged].map((chunk) => pieceMap.pieceOf(chunk)));
    for (const piece of pieces) {
      if ((await damagedChunksOf(this.#deps.store, pieceMap, piece)).length > 0) return false;
    }
    return true;
  }

  async #leave(manifestId: string): Promise<void> {
    const opening = this.#seeds.get(manifestId);
    this.#seeds.delete(manifestId);
    const seed = await opening?.catch(() => undefined);
    await seed?.checking;
    await seed?.node.close();
    await seed?.image.close();
  }
}
