/*
 * A sender or a receiver as a program, for tests over real links: node multicast-host.ts '{"role":…}'. Prints one line of JSON for each event; a
 * sender begins when it gets SIGUSR2.
 */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { decodeManifest } from "@ingot/chunks";
import { probeMulticast } from "../src/multicast/probe-socket.ts";
import type { MulticastPlan } from "../src/multicast/plan.ts";
import { MulticastReceiver } from "../src/multicast/receiver-socket.ts";
import { MulticastSender } from "../src/multicast/sender-socket.ts";
import { PieceMap } from "../src/piece-map.ts";
import { PieceSet } from "../src/piece-set.ts";
import { decodeChunk, decodeChunkStream, encodeChunkStream } from "../src/transfer/chunk-stream.ts";

/** What the program is told. */
export interface HostOptions {
  readonly role: "sender" | "receiver" | "probe";
  readonly plan: MulticastPlan;
  readonly manifest: string;
  /** The image that is sent, or the file that is written. */
  readonly image: string;
  readonly interfaceAddress: string;
}

const options = JSON.parse(process.argv[2] ?? "") as HostOptions;
const { plan, interfaceAddress } = options;
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const pieceMap = PieceMap.of(decodeManifest(readFileSync(options.manifest)));

/** As a server would from its packs: nothing is compressed here. */
function readPiece(fd: number, piece: number): Uint8Array<ArrayBuffer> {
  const { first, end } = pieceMap.chunksOf(piece);
  const chunks = Array.from({ length: end - first }, (_unused, index) => {
    const payload = new Uint8Array(pieceMap.lengthOf(first + index));
    readSync(fd, payload, 0, payload.length, pieceMap.offsetsOf(first + index)[0] ?? 0);
    return { chunk: first + index, codec: 0 as const, payload };
  });
  return encodeChunkStream(chunks);
}

async function send(): Promise<void> {
  const fd = openSync(options.image, "r");
  const sender = await MulticastSender.start({
    plan,
    interfaceAddress,
    pieceCount: pieceMap.pieceCount,
    readPiece: (piece) => Promise.resolve(readPiece(fd, piece)),
  });
  say({ event: "ready" });
  process.once("SIGUSR2", () => {
    say({ event: "begin", atMs: Date.now() });
    sender.begin();
  });
  const stats = await sender.ended;
  say({ event: "end", atMs: Date.now(), stats, cpu: process.cpuUsage() });
  closeSync(fd);
}

function write(fd: number, piece: number, stream: Uint8Array, some: readonly number[] | undefined): number[] {
  const { first, end } = pieceMap.chunksOf(piece);
  const chunks = some ?? Array.from({ length: end - first }, (_unused, index) => first + index);
  for (const stored of decodeChunkStream(stream, { lengthOf: (chunk) => pieceMap.lengthOf(chunk), chunks })) {
    const digest = Buffer.from(pieceMap.digestOf(stored.chunk), "hex");
    const plain = decodeChunk(stored, pieceMap.lengthOf(stored.chunk), digest);
    for (const offset of pieceMap.offsetsOf(stored.chunk)) writeSync(fd, plain, 0, plain.length, offset);
  }
  return [...chunks];
}

async function receive(): Promise<void> {
  const fd = openSync(options.image, "w");
  const held = new Set<number>();
  const lost: number[] = [];
  const cpuAtStart = process.cpuUsage();
  const receiver = await MulticastReceiver.start({
    plan,
    interfaceAddress,
    pieceMap,
    wanted: PieceSet.full(pieceMap.pieceCount),
    onPiece: async (piece, stream, chunks) => {
      for (const chunk of write(fd, piece, stream, chunks)) held.add(chunk);
      return stream.buffer;
    },
    onLost: (pieces) => void lost.push(...pieces),
    onSilent: () => say({ event: "silent" }),
  });
  say({ event: "ready" });
  const { reason, stats } = await receiver.ended;
  const cpu = process.cpuUsage(cpuAtStart);
  say({ event: "end", atMs: Date.now(), reason, stats, lost, heldChunks: held.size, cpu });
  closeSync(fd);
}

if (options.role === "sender") await send();
else if (options.role === "receiver") await receive();
else say({ event: "probe", heard: await probeMulticast({ plan, interfaceAddress }) });
