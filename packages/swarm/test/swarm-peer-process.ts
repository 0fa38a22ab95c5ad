import { ftruncateSync, openSync, readFileSync } from "node:fs";
import { decodeManifest, manifestIdOf } from "@ingot/chunks";
import { identityOf } from "../src/identity/identity.ts";
import { SwarmNode } from "../src/node/swarm-node.ts";
import { systemClock } from "../src/node/system-clock-socket.ts";
import type { TrackerClient } from "../src/node/tracker-client.ts";
import { PieceMap } from "../src/piece-map.ts";
import { TransferEngine } from "../src/transfer/engine-worker.ts";

/** What the process is told, as JSON in its first argument. */
export interface PeerProcessOptions {
  readonly keyPem: string;
  readonly ticketKey: string;
  readonly manifestPath: string;
  readonly diskPath: string;
  /** The disk is the image already. */
  readonly isComplete: boolean;
}

/** A call to the tracker, which the parent makes. */
export interface TrackerCall {
  readonly call: number;
  readonly method: keyof TrackerClient;
  readonly request: unknown;
}

const waiting = new Map<number, (answer: never) => void>();
let calls = 0;

/** A member of a swarm in a process of its own, so that it can be killed and stopped. Its tracker is the parent, by messages. */
async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "") as PeerProcessOptions;
  const encoded = readFileSync(options.manifestPath);
  const manifest = decodeManifest(encoded);
  const pieceMap = PieceMap.of(manifest);
  const identity = identityOf(options.keyPem);
  const listen = { address: "127.0.0.1", port: 0 };
  const engine = await TransferEngine.start({ threads: 1, identity, listen, maxUploads: 8, cacheBytes: 4_194_304 });
  const fd = openSync(options.diskPath, options.isComplete ? "r+" : "w+");
  ftruncateSync(fd, manifest.sizeBytes);
  const held = options.isComplete ? "all" : new Uint8Array(Math.ceil(pieceMap.chunkCount / 8));
  const source = { kind: "disk", fd, offset: 0, held } as const;
  const image = await engine.open({ manifestId: manifestIdOf(encoded), pieceMap, source });
  process.on("message", ({ call, answer }: { call: number; answer: never }) => waiting.get(call)?.(answer));
  await SwarmNode.start({
    pieceMap,
    identity,
    ticketKey: options.ticketKey,
    engine,
    image,
    tracker: {
      join: (request) => ask("join", request),
      report: (request) => ask("report", request),
      leave: () => ask("leave", undefined),
    },
    control: listen,
    random: Math.random,
    clock: systemClock(),
  });
}

function ask<Answer>(method: keyof TrackerClient, request: unknown): Promise<Answer> {
  const call = ++calls;
  process.send?.({ call, method, request } satisfies TrackerCall);
  return new Promise((resolve) => waiting.set(call, resolve));
}

await main();
