import type { Digest } from "@ingot/chunks";
import type { MulticastPlan, MulticastReceiver, OpenImage, PieceMap, PieceSet, SwarmNode } from "@ingot/swarm";
import type { ServerClient } from "../client/server-client.ts";
import { AgentError, messageOf } from "../errors.ts";

/** What of the settings matters here. */
export interface MulticastSettings {
  readonly method: string;
  readonly receivers?: number | undefined;
}

/**
 * The multicast beside the peers: asks the server for a session, listens, and hands every piece that comes to the image.
 * Whatever does not come is the peers' again at once; a network that carries no multicast costs five seconds.
 */
export class MulticastPart {
  readonly #client: ServerClient;
  readonly #manifestId: Digest;
  readonly #pieceMap: PieceMap;
  readonly #node: SwarmNode;
  readonly #image: OpenImage;
  readonly #settings: MulticastSettings;
  readonly #onFailure: (why: string) => void;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Pieces that it is to bring. */
  #expected: PieceSet | undefined;

  constructor(
    client: ServerClient,
    manifestId: Digest,
    pieceMap: PieceMap,
    node: SwarmNode,
    image: OpenImage,
    settings: MulticastSettings,
    onFailure: (why: string) => void,
  ) {
    this.#client = client;
    this.#manifestId = manifestId;
    this.#pieceMap = pieceMap;
    this.#node = node;
    this.#image = image;
    this.#settings = settings;
    this.#onFailure = onFailure;
    this.#running = this.#run();
  }

  /** Stops listening. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      const session = await this.#ask();
      if (session !== undefined) await this.#listen(session);
    } catch (error) {
      // Without it everything comes from peers: a multicast never fails a task.
      if (!this.#stop.signal.aborted) this.#onFailure(messageOf(error));
    } finally {
      this.#node.setExpected(undefined);
    }
  }

  async #ask(): Promise<MulticastPlan | undefined> {
    const { MAX_ORDER_RUNS, MIN_AUTO_RECEIVERS, runsOf } = await import("@ingot/swarm");
    const { method, receivers } = this.#settings;
    const missing = await this.#missing();
    // What is scattered more widely comes from peers.
    const runs = runsOf(missing).slice(0, MAX_ORDER_RUNS);
    if (runs.length === 0) return undefined;
    // Who knows that a session comes does not load the network with the same bytes meanwhile.
    if (method === "multicast" || (receivers ?? 0) >= MIN_AUTO_RECEIVERS) this.#expect(missing);
    const answer = await this.#client.multicast(
      this.#manifestId,
      {
        missing: runs,
        method: method === "multicast" ? "multicast" : "auto",
        ...(receivers === undefined ? {} : { expect: receivers }),
      },
      this.#stop.signal,
    );
    return answer.state === "session" ? answer.plan : undefined;
  }

  async #listen(plan: MulticastPlan): Promise<void> {
    const { MulticastReceiver } = await import("@ingot/swarm");
    const interfaceAddress = this.#client.localAddress;
    if (interfaceAddress === undefined) throw new AgentError("network", "no connection to the server to listen beside");
    const wanted = await this.#missing();
    const receiver: MulticastReceiver = await MulticastReceiver.start({
      plan,
      interfaceAddress,
      pieceMap: this.#pieceMap,
      wanted,
      onPiece: async (piece, stream, chunks) => {
        const { wireBytes, buffer } = await this.#image.write(piece, stream, chunks);
        this.#node.pieceWritten(piece, wireBytes);
        return buffer;
      },
      onLost: (pieces) => this.#giveUp(pieces),
    });
    // Only what the session sends is expected of it.
    const planned = await this.#missing();
    const sent = new Set(
      plan.order.flatMap(({ first, end }) => Array.from({ length: end - first }, (_u, i) => first + i)),
    );
    for (let piece = 0; piece < this.#pieceMap.pieceCount; piece++) if (!sent.has(piece)) planned.delete(piece);
    this.#expect(planned);
    const { promise: stopped, resolve } = Promise.withResolvers<void>();
    if (this.#stop.signal.aborted) resolve();
    this.#stop.signal.addEventListener("abort", () => resolve(), { once: true });
    try {
      await Promise.race([receiver.ended, stopped]);
    } finally {
      await receiver.close();
    }
  }

  #expect(pieces: PieceSet): void {
    this.#expected = pieces;
    this.#node.setExpected(pieces);
  }

  #giveUp(pieces: readonly number[]): void {
    if (this.#expected === undefined) return;
    const rest = this.#expected.clone();
    for (const piece of pieces) rest.delete(piece);
    this.#expect(rest);
  }

  async #missing(): Promise<PieceSet> {
    const { PieceSet } = await import("@ingot/swarm");
    const held = this.#node.heldPieces;
    const missing = new PieceSet(this.#pieceMap.pieceCount);
    for (let piece = 0; piece < this.#pieceMap.pieceCount; piece++) if (!held.has(piece)) missing.add(piece);
    return missing;
  }
}
