import { type ChildProcess, fork } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, DirectoryStore, encodeManifest, type Manifest } from "@ingot/chunks";
import { createIdentity, type Identity } from "../src/identity/identity.ts";
import { signTicket } from "../src/identity/ticket.ts";
import type { SwarmNodeEvent, SwarmNodeOptions } from "../src/node/node-options.ts";
import { SwarmNode } from "../src/node/swarm-node.ts";
import { systemClock } from "../src/node/system-clock-socket.ts";
import type { TrackerClient } from "../src/node/tracker-client.ts";
import { PieceMap } from "../src/piece-map.ts";
import type { TrackedPeer } from "../src/tracked-swarm.ts";
import { TrackerService } from "../src/tracker-service.ts";
import { makeServerKey, type ServerKey } from "./server-key.ts";
import { TransferEngine } from "../src/transfer/engine-worker.ts";
import type { OpenImage, TransferEngineOptions, TransferSource } from "../src/transfer/transfer.ts";
import type { PeerProcessOptions, TrackerCall } from "./swarm-peer-process.ts";

const LISTEN = { address: "127.0.0.1", port: 0 };

/** What may be set of a machine of a lab. */
export interface MachineOptions {
  readonly identity?: Identity;
  readonly held?: Uint8Array;
  /** The file to write to; one that keeps it is there already. */
  readonly path?: string;
  readonly engine?: Partial<TransferEngineOptions>;
  readonly node?: Partial<SwarmNodeOptions>;
  readonly peer?: Partial<TrackedPeer>;
}

/** A node with its engine and its disk. */
export interface Machine extends AsyncDisposable {
  readonly identity: Identity;
  readonly engine: TransferEngine;
  readonly image: OpenImage;
  readonly node: SwarmNode;
  readonly path: string;
  readonly events: SwarmNodeEvent[];
  /** Closes it; the file stays. Idempotent. */
  close(): Promise<void>;
}

/** An image in a store, a tracker that can be taken away and started anew, and machines on loopback. */
export class SwarmLab implements AsyncDisposable {
  readonly directory: string;
  readonly store: DirectoryStore;
  readonly bytes: Uint8Array;
  readonly manifest: Manifest;
  readonly manifestId: Digest;
  readonly pieceMap: PieceMap;
  readonly serverKey: ServerKey = makeServerKey();
  /** Undefined while the server is away. */
  tracker: TrackerService | undefined;
  readonly #machines: Machine[] = [];
  readonly #children: ChildProcess[] = [];
  #count = 0;

  private constructor(directory: string, store: DirectoryStore, bytes: Uint8Array, image: [Digest, Manifest]) {
    this.directory = directory;
    this.store = store;
    this.bytes = bytes;
    [this.manifestId, this.manifest] = image;
    this.pieceMap = PieceMap.of(this.manifest);
    this.startTracker();
  }

  /** An image of so many MiB of random bytes, with a hole in it. */
  static async start(mebibytes: number): Promise<SwarmLab> {
    const directory = mkdtempSync(join(tmpdir(), "ingot-swarm-"));
    const store = await DirectoryStore.open(join(directory, "store"));
    const bytes = new Uint8Array(mebibytes * 1_048_576);
    const hole = 262_144;
    for (let at = hole; at < bytes.length; at += 65_536) randomFillSync(bytes, at, 65_536);
    const data = (async function* () {
      for (let offset = hole; offset < bytes.length; offset += 1_048_576) {
        yield { offset, bytes: bytes.subarray(offset, Math.min(bytes.length, offset + 1_048_576)) };
      }
    })();
    const { manifestId } = await store.importImage({ sizeBytes: bytes.length, data });
    return new SwarmLab(directory, store, bytes, [manifestId, await store.readManifest(manifestId)]);
  }

  /** The server is back, and knows nobody. */
  startTracker(): void {
    this.tracker = new TrackerService({
      random: Math.random,
      now: Date.now,
      signTicket: (ticket) => signTicket(ticket, this.serverKey),
    });
  }

  /** The way to whatever tracker is there. */
  clientFor(peer: TrackedPeer): TrackerClient {
    const tracker = (): TrackerClient => {
      if (this.tracker === undefined) throw new Error("the server is away");
      return this.tracker.clientFor(this.manifestId, peer);
    };
    return {
      join: async (request) => await tracker().join(request),
      report: async (request) => await tracker().report(request),
      leave: async () => await tracker().leave(),
    };
  }

  /** A seed of the server's. */
  async seed(options: MachineOptions = {}): Promise<Machine> {
    return await this.#start("", { kind: "store", locate: (digest) => this.store.locate(digest) }, options);
  }

  /** A machine with a disk that is empty, unless `held` says something else. */
  async receiver(options: MachineOptions = {}): Promise<Machine> {
    const path = options.path ?? join(this.directory, `disk-${this.#count++}`);
    const fd = openSync(path, options.path === undefined ? "w+" : "r+");
    ftruncateSync(fd, this.bytes.length);
    const held = options.held ?? new Uint8Array(Math.ceil(this.pieceMap.chunkCount / 8));
    return await this.#start(path, { kind: "disk", fd, offset: 0, held }, options);
  }

  /** A machine in a process of its own that holds the whole image, or none of it. Resolves when it has joined. */
  async process(isComplete: boolean): Promise<ChildProcess> {
    const { fingerprint, keyPem } = createIdentity();
    const diskPath = join(this.directory, `disk-${this.#count++}`);
    if (isComplete) writeFileSync(diskPath, this.bytes);
    const manifestPath = join(this.directory, "manifest");
    writeFileSync(manifestPath, encodeManifest(this.manifest));
    const ticketKey = this.serverKey.publicKey;
    const options: PeerProcessOptions = { keyPem, ticketKey, manifestPath, diskPath, isComplete };
    const child = fork(join(import.meta.dirname, "swarm-peer-process.ts"), [JSON.stringify(options)]);
    this.#children.push(child);
    const client = this.clientFor({ fingerprint, address: "127.0.0.1", site: "school" });
    return await new Promise((resolve, reject) => {
      child.once("exit", () => reject(new Error("the process has ended")));
      child.on("message", ({ call, method, request }: TrackerCall) => {
        void client[method](request as never).then((answer: unknown) => {
          if (child.connected) child.send({ call, answer });
          resolve(child);
        });
      });
    });
  }

  /** Whether a machine's disk is the image. */
  isImage({ path }: Machine): boolean {
    return Buffer.compare(readFileSync(path), this.bytes) === 0;
  }

  /** Closes the machines; a new tracker knows nobody. */
  async clear(): Promise<void> {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
    await Promise.all(this.#machines.splice(0).map((machine) => machine.close()));
    this.startTracker();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
    await this.store.close();
    rmSync(this.directory, { recursive: true });
  }

  async #start(path: string, source: TransferSource, options: MachineOptions): Promise<Machine> {
    const { identity = createIdentity() } = options;
    const { manifestId, pieceMap } = this;
    const threads = { threads: 1, maxUploads: 16, cacheBytes: 4 * 1_048_576 };
    const engine = await TransferEngine.start({ identity, listen: LISTEN, ...threads, ...options.engine });
    const image = await engine.open({ manifestId, pieceMap, source });
    const { fingerprint } = identity;
    const peer = { fingerprint, address: "127.0.0.1", site: "school", isTrusted: path === "", ...options.peer };
    const events: SwarmNodeEvent[] = [];
    const node = await SwarmNode.start({
      pieceMap,
      identity,
      ticketKey: this.serverKey.publicKey,
      engine,
      image,
      tracker: this.clientFor(peer),
      control: LISTEN,
      random: Math.random,
      clock: systemClock(),
      onEvent: (event) => void events.push(event),
      ...options.node,
    });
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      await node.close();
      await engine.close();
      if (source.kind === "disk") closeSync(source.fd);
    };
    const machine: Machine = {
      identity,
      engine,
      image,
      node,
      path,
      events,
      close: () => (closing ??= close()),
      [Symbol.asyncDispose]: () => machine.close(),
    };
    this.#machines.push(machine);
    return machine;
  }
}
