import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DirectoryStore } from "@ingot/chunks";
import { decodeChunk, decodeChunkStream, PieceMap } from "@ingot/swarm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readStoredPiece } from "./stored-pieces.ts";

const MiB = 2 ** 20;
let folder: string;
let store: DirectoryStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ingot-pieces-"));
  store = await DirectoryStore.open(folder);
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Half of it can be compressed. */
function makeImage(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  for (let at = 4 * MiB; at < sizeBytes; at++) bytes[at] = (bytes[at] ?? 0) & 3;
  return bytes;
}

test("every piece of an image is there, as it was stored", async () => {
  const image = makeImage(8 * MiB);
  const data = (async function* () {
    yield { offset: 0, bytes: image };
  })();
  const { manifestId } = await store.importImage({ sizeBytes: image.length, data });
  const pieceMap = PieceMap.of(await store.readManifest(manifestId));
  const got = new Uint8Array(image.length);
  for (let piece = 0; piece < pieceMap.pieceCount; piece++) {
    const stream = await readStoredPiece(store, pieceMap, piece);
    expect(await readStoredPiece(store, pieceMap, piece)).toEqual(stream);
    const { first, end } = pieceMap.chunksOf(piece);
    const chunks = Array.from({ length: end - first }, (_unused, i) => first + i);
    const lengthOf = (chunk: number): number => pieceMap.lengthOf(chunk);
    for (const stored of decodeChunkStream(stream, { lengthOf, chunks })) {
      const { chunk } = stored;
      const bytes = decodeChunk(stored, lengthOf(chunk), Uint8Array.fromHex(pieceMap.digestOf(chunk)));
      for (const offset of pieceMap.offsetsOf(chunk)) got.set(bytes, offset);
    }
  }
  expect(Buffer.compare(got, image)).toBe(0);
});
