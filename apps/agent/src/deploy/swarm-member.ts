import type { DeployMethod, TaskProgress } from "@ingot/api";
import type { Digest, Manifest } from "@ingot/chunks";
import type {
  Identity,
  OpenImage,
  PieceSet,
  SwarmNode,
  SwarmNodeEvent,
  TrackerClient,
  TransferEngine,
} from "@ingot/swarm";
import type { Session } from "../client/session.ts";
import { MulticastPart } from "./multicast-part.ts";
import { serverOnly } from "./server-only.ts";

/** How many, how fast. */
export interface SwarmSettings {
  readonly method: DeployMethod;
  /** Threads that receive, hash and write. */
  readonly threads: number;
  /** Transfers at a time in each direction; the swarm's default when left out. */
  readonly connections?: number | undefined;
  readonly downloadBytesPerSecond?: number | undefined;
  readonly uploadBytesPerSecond?: number | undefined;
  /** What was just received is kept compressed in memory, for handing on. */
  readonly cacheBytes: number;
  /** Own addresses beside the one that others see; with more than one, all are used. */
  readonly addresses?: readonly string[] | undefined;
  /** How many receivers begin together, where that is known. */
  readonly receivers?: number | undefined;
  /** Nothing is received, whatever is missing. */
  readonly onlyServes?: boolean | undefined;
  /** Port of the control door; 0 takes any. */
  readonly port?: number | undefined;
}

/** What a member reads and writes. */
export interface SwarmContent {
  readonly manifestId: Digest;
  readonly manifest: Manifest;
  readonly fd: number;
  readonly offset: number;
  readonly held: Uint8Array | "all";
  /** These chunks were written, verified, at all their places. */
  readonly onWritten: (chunks: readonly number[]) => void;
}

/** Something that people may want to know of a member. */
export type MemberEvent = SwarmNodeEvent | { readonly kind: "no-multicast"; readonly why: string };

/** Uploads at a time when nothing is said about it: those of a node, of a seed over its site's line, and some that overlap. */
const DEFAULT_UPLOADS = 16;

/** Starts the engine: it may start before anything is known of the image, while the server is asked. */
export async function startEngine(identity: Identity, settings: SwarmSettings): Promise<TransferEngine> {
  const { TransferEngine } = await import("@ingot/swarm");
  return TransferEngine.start({
    threads: settings.threads,
    identity,
    listen: { address: "0.0.0.0", port: 0 },
    maxUploads: settings.connections === undefined ? DEFAULT_UPLOADS : settings.connections * 2,
    uploadBytesPerSecond: settings.uploadBytesPerSecond,
    downloadBytesPerSecond: settings.downloadBytesPerSecond,
    cacheBytes: settings.cacheBytes,
  });
}

/** This machine's part in the swarm of one image: receives what is missing, by multicast where that is heard, and serves what is there. */
export class SwarmMember {
  /** When everything is here. Rejects with `SwarmError`. */
  readonly completed: Promise<void>;
  readonly #node: SwarmNode;
  readonly #image: OpenImage;
  readonly #multicast: MulticastPart | undefined;

  private constructor(node: SwarmNode, image: OpenImage, multicast: MulticastPart | undefined, onComplete: () => void) {
    this.#node = node;
    this.#image = image;
    this.#multicast = multicast;
    this.completed = node.completed.then(onComplete);
    this.completed.catch(() => undefined);
  }

  /** Opens the image in an engine that stays the caller's, and joins. */
  static async join(
    session: Session,
    engine: TransferEngine,
    content: SwarmContent,
    settings: SwarmSettings,
    onEvent: (event: MemberEvent) => void = () => undefined,
  ): Promise<SwarmMember> {
    const { PieceMap, SwarmNode } = await import("@ingot/swarm");
    const { manifestId, manifest, fd, offset, held, onWritten } = content;
    const pieceMap = PieceMap.of(manifest);
    const image = await engine.open({ manifestId, pieceMap, source: { kind: "disk", fd, offset, held } });
    image.onWritten(onWritten);
    const node = await SwarmNode.start({
      pieceMap,
      identity: session.identity,
      ticketKey: session.signingKey,
      server: session.client.address.pin,
      engine,
      image,
      tracker: trackerFor(session, manifestId, settings.method),
      control: { address: "0.0.0.0", port: settings.port ?? 0 },
      addresses: settings.addresses,
      uploadSlots: settings.method === "unicast" ? 0 : settings.connections,
      downloadSlots: settings.onlyServes === true ? 0 : settings.connections,
      random: Math.random,
      clock: {
        now: () => Date.now() + session.serverAheadMs,
        after: (ms, call) => {
          const timer = setTimeout(call, ms);
          return () => clearTimeout(timer);
        },
      },
      onEvent,
    });
    const wantsMulticast = settings.method === "multicast" || settings.method === "auto";
    const multicast =
      wantsMulticast && !node.isComplete
        ? new MulticastPart(session.client, manifestId, pieceMap, node, image, settings, (why) =>
            onEvent({ kind: "no-multicast", why }),
          )
        : undefined;
    // A piece may be complete by a transfer that has written its chunks and not told of them yet.
    const tellAll = (): void => onWritten(Array.from({ length: pieceMap.chunkCount }, (_unused, chunk) => chunk));
    return new SwarmMember(node, image, multicast, tellAll);
  }

  /** Uploads under way are the engine's to know; this is about what came. */
  progress(): TaskProgress {
    const stats = this.#node.stats();
    return {
      totalBytes: stats.totalBytes,
      doneBytes: stats.doneBytes,
      bytes: stats.bytes,
      bytesPerSecond: Math.round(stats.bytesPerSecond),
      hashesVerified: stats.hashesVerified,
      retries: stats.retries,
      errors: stats.bans,
    };
  }

  /** From now on nothing is fetched but these pieces. What is there of others stays, and is served. */
  fetchOnly(wanted: PieceSet): void {
    const others = wanted.clone();
    for (let piece = 0; piece < wanted.pieceCount; piece++) {
      if (wanted.has(piece)) others.delete(piece);
      else others.add(piece);
    }
    this.#node.setExpected(others);
  }

  /** The pieces that are here; a set of the caller's own. */
  get heldPieces(): PieceSet {
    return this.#node.heldPieces;
  }

  /** Bytes sent to others. */
  get sentBytes(): number {
    return this.#node.stats().sentBytes;
  }

  get neighbours(): number {
    return this.#node.stats().neighbours;
  }

  /** Leaves the swarm; the disk is no longer read or written once it resolves. */
  async close(): Promise<void> {
    await this.#multicast?.close();
    await this.#node.close();
    await this.#image.close();
  }
}

function trackerFor(session: Session, manifestId: string, method: DeployMethod): TrackerClient {
  const tracker = session.client.tracker(manifestId);
  return method === "unicast" ? serverOnly(tracker, session.client.address.pin) : tracker;
}
