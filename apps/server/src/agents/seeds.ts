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

/** A swarm that nobody but the server has been in for so long is left by it, too. */
const IDLE_MS = 10 * 60_000;

/**
 * Uploads of the server at a time: more than a peer has, because each machine that loses power without a word holds one until that is noticed,
 * and nobody else has the first copy.
 */
const SEED_SLOTS = 4;

/** Where the server stands, and machines of which nobody has said another place. */
export const SERVER_SITE = "";

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
  readonly random: () => number;
  readonly onError: (error: unknown) => void;
}

interface Seed {
  readonly pieceMap: PieceMap;
  readonly image: OpenImage;
  readonly node: SwarmNode;
  /** When somebody else was last seen in its swarm. */
  busyAt: number;
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

  /** Leaves all swarms. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await Promise.all([...this.#seeds.keys()].map((id) => this.#leave(id)));
  }

  async #open(manifestId: Digest): Promise<Seed> {
    const { store, identity, ticketKey, tracker, engine, door, address, random } = this.#deps;
    const pieceMap = PieceMap.of(await store.readManifest(manifestId));
    const image = await engine.open({
      manifestId,
      pieceMap,
      source: { kind: "store", locate: (digest) => store.locate(digest) },
    });
    const peer = { fingerprint: identity.fingerprint, address, site: SERVER_SITE, isTrusted: true };
    const node = await SwarmNode.start({
      pieceMap,
      identity,
      ticketKey,
      engine,
      image,
      tracker: tracker.clientFor(manifestId, peer),
      control: door,
      uploadSlots: SEED_SLOTS,
      random,
      clock: systemClock(),
    });
    return { pieceMap, image, node, busyAt: Date.now() };
  }

  async #sweep(): Promise<void> {
    const { tracker } = this.#deps;
    for (const [manifestId, opening] of this.#seeds) {
      const seed = await opening;
      if (tracker.membersOf(manifestId).length > 1) seed.busyAt = Date.now();
      else if (Date.now() - seed.busyAt > IDLE_MS) await this.#leave(manifestId);
    }
  }

  async #leave(manifestId: string): Promise<void> {
    const opening = this.#seeds.get(manifestId);
    this.#seeds.delete(manifestId);
    const seed = await opening?.catch(() => undefined);
    await seed?.node.close();
    await seed?.image.close();
  }
}
