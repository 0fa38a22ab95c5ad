import { setTimeout as delay } from "node:timers/promises";
import { hash, randomBytes } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { Digest, Extent } from "@ingot/chunks";
import { PieceMap } from "../piece-map.ts";
import { PieceSet } from "../piece-set.ts";
import { encodeChunkStream } from "../transfer/chunk-stream.ts";
import { createMulticastPlan } from "./plan.ts";
import { probeMulticast } from "./probe-socket.ts";
import { MulticastReceiver } from "./receiver-socket.ts";
import { MulticastSender } from "./sender-socket.ts";

const CHUNK_BYTES = 65_536;
const chunks = Array.from({ length: 48 }, () => randomBytes(CHUNK_BYTES));
const extents = chunks.map((bytes, index): Extent => {
  return { kind: "chunk", offset: index * CHUNK_BYTES, length: CHUNK_BYTES, digest: hash("sha256", bytes) as Digest };
});
const sizeBytes = chunks.length * CHUNK_BYTES;
const pieceMap = PieceMap.of(
  { formatVersion: 1, sizeBytes, sectorBytes: 512, partitions: undefined, extents },
  4 * CHUNK_BYTES,
);
const interfaceAddress = "127.0.0.1";

function streamOf(piece: number): Uint8Array<ArrayBuffer> {
  const { first, end } = pieceMap.chunksOf(piece);
  return encodeChunkStream(
    chunks.slice(first, end).map((payload, index) => ({ chunk: first + index, codec: 0, payload })),
  );
}

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

function newPlan() {
  return createMulticastPlan({ rate: 400e6, order: [{ first: 0, end: pieceMap.pieceCount }], random: randomBytes });
}

async function startSender(plan = newPlan(), awaited?: number): Promise<MulticastSender> {
  const readPiece = (piece: number): Promise<Uint8Array<ArrayBuffer>> => Promise.resolve(streamOf(piece));
  const sender = await MulticastSender.start({
    plan,
    pieceCount: pieceMap.pieceCount,
    interfaceAddress,
    loop: true,
    awaited,
    readPiece,
  });
  open.push(sender);
  return sender;
}

async function startReceiver(plan = newPlan(), onPiece = () => Promise.resolve<ArrayBuffer | undefined>(undefined)) {
  const got = new Map<number, Uint8Array>();
  const lost: number[] = [];
  let silent = false;
  const receiver = await MulticastReceiver.start({
    plan,
    interfaceAddress,
    pieceMap,
    wanted: PieceSet.full(pieceMap.pieceCount),
    onPiece: (piece, stream) => {
      got.set(piece, stream);
      return onPiece();
    },
    onLost: (pieces) => void lost.push(...pieces),
    onSilent: () => {
      silent = true;
    },
  });
  open.push(receiver);
  return { receiver, got, lost, isSilent: () => silent };
}

test("pieces go from a sender's thread to receivers' threads", async () => {
  const plan = newPlan();
  const sender = await startSender(plan);
  const receivers = [await startReceiver(plan), await startReceiver(plan)];
  expect(await probeMulticast({ plan, interfaceAddress })).toBe(true);
  sender.begin();
  for (const { receiver, got, lost } of receivers) {
    const { reason } = await receiver.ended;
    expect(reason).toBe("complete");
    expect(lost).toEqual([]);
    expect(got.size).toBe(pieceMap.pieceCount);
    for (const [piece, stream] of got) expect(Buffer.compare(stream, streamOf(piece))).toBe(0);
  }
  expect(await sender.ended).toMatchObject({ piecesSent: pieceMap.pieceCount });
});

test("a sender that waits for two receivers begins when both have said that they hear it", async () => {
  const plan = newPlan();
  await startSender(plan, 2);
  const first = await startReceiver(plan);
  await delay(300);
  expect(first.got.size).toBe(0);
  const second = await startReceiver(plan);
  for (const { receiver, got } of [first, second]) {
    expect((await receiver.ended).reason).toBe("complete");
    expect(got.size).toBe(pieceMap.pieceCount);
  }
});

test("a piece that cannot be written is lost", async () => {
  const plan = newPlan();
  const sender = await startSender(plan);
  const { receiver, lost } = await startReceiver(plan, () => Promise.reject(new Error("disk full")));
  sender.begin();
  await receiver.ended;
  expect(lost.toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: pieceMap.pieceCount }, (_unused, piece) => piece),
  );
});

test("a probe of another session hears nothing, and ends when it is told to", async () => {
  const plan = newPlan();
  await startSender(plan);
  const other = { ...plan, key: "00".repeat(32) };
  expect(await probeMulticast({ plan: other, interfaceAddress, timeoutMs: 500 })).toBe(false);
  expect(await probeMulticast({ plan: other, interfaceAddress, signal: AbortSignal.timeout(50) })).toBe(false);
});

test("a receiver and a sender that are closed leave nothing behind", async () => {
  const plan = newPlan();
  const sender = await startSender(plan);
  const { receiver, lost } = await startReceiver(plan);
  await receiver.close();
  await receiver.close();
  expect((await receiver.ended).reason).toBe("stopped");
  expect(lost).toEqual([]);
  await sender.close();
  await sender.close();
});

test("a piece that cannot be read ends the session with the reason", async () => {
  const plan = newPlan();
  const readPiece = (piece: number): Promise<Uint8Array<ArrayBuffer>> =>
    piece < 8 ? Promise.resolve(streamOf(piece)) : Promise.reject(new Error("no such pack"));
  const sender = await MulticastSender.start({
    plan,
    pieceCount: pieceMap.pieceCount,
    interfaceAddress,
    loop: true,
    readPiece,
  });
  open.push(sender);
  const { receiver, lost } = await startReceiver(plan);
  sender.begin();
  await expect(sender.ended).rejects.toThrow("no such pack");
  expect((await receiver.ended).reason).toBe("closed");
  expect(lost).toContain(pieceMap.pieceCount - 1);
});

test("an interface that is not there is an error at once", async () => {
  const options = {
    plan: newPlan(),
    pieceCount: pieceMap.pieceCount,
    readPiece: () => Promise.resolve(new Uint8Array()),
  };
  await expect(MulticastSender.start({ ...options, interfaceAddress: "192.0.2.1" })).rejects.toMatchObject({
    code: "EADDRNOTAVAIL",
  });
});
