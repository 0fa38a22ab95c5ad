import { open, type FileHandle } from "node:fs/promises";
import type { DirectoryStore } from "@ingot/chunks";
import { CHUNK_HEADER_BYTES, decodeChunk, encodeChunkHeader, type PieceMap, WrongChunkError } from "@ingot/swarm";

/**
 * The chunk stream of a piece as it stands in the store: the same bytes each time, because a pack keeps what it was given. Throws when a chunk is not
 * there, or the file system's error. Nothing is verified: who receives it does that.
 */
export async function readStoredPiece(
  store: Pick<DirectoryStore, "locate">,
  pieceMap: PieceMap,
  piece: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { first, end } = pieceMap.chunksOf(piece);
  const chunks = Array.from({ length: end - first }, (_unused, i) => {
    const stored = store.locate(pieceMap.digestOf(first + i));
    if (stored === undefined) throw new Error(`chunk ${pieceMap.digestOf(first + i)} is not in the store`);
    return { chunk: first + i, ...stored };
  });
  const stream = new Uint8Array(chunks.reduce((sum, { storedLength }) => sum + CHUNK_HEADER_BYTES + storedLength, 0));
  let file: { readonly path: string; readonly handle: FileHandle } | undefined;
  let at = 0;
  try {
    for (const { chunk, codec, path, offset, storedLength } of chunks) {
      // Neighbours in an image are neighbours in a pack, mostly.
      if (file?.path !== path) {
        await file?.handle.close();
        file = undefined;
        file = { path, handle: await open(path) };
      }
      encodeChunkHeader({ chunk, codec, storedLength }, stream, at);
      at += CHUNK_HEADER_BYTES;
      const { bytesRead } = await file.handle.read(stream, at, storedLength, offset);
      if (bytesRead < storedLength) throw new Error(`${path} ends at ${offset + bytesRead}, inside chunk ${chunk}`);
      at += storedLength;
    }
  } finally {
    await file?.handle.close();
  }
  return stream;
}

/** The chunks of a piece that are not what they should be where the store has them now, or are not there. Reads past the store's memory of chunks. */
export async function damagedChunksOf(
  store: Pick<DirectoryStore, "locate">,
  pieceMap: PieceMap,
  piece: number,
): Promise<number[]> {
  const { first, end } = pieceMap.chunksOf(piece);
  const damaged: number[] = [];
  for (let chunk = first; chunk < end; chunk++) {
    if (!(await isWhole(store, pieceMap, chunk))) damaged.push(chunk);
  }
  return damaged;
}

async function isWhole(store: Pick<DirectoryStore, "locate">, pieceMap: PieceMap, chunk: number): Promise<boolean> {
  const stored = store.locate(pieceMap.digestOf(chunk));
  if (stored === undefined) return false;
  const { path, offset, storedLength, codec } = stored;
  const payload = new Uint8Array(storedLength);
  try {
    await using file = await open(path);
    if ((await file.read(payload, 0, storedLength, offset)).bytesRead < storedLength) return false;
    decodeChunk({ chunk, codec, payload }, pieceMap.lengthOf(chunk), Uint8Array.fromHex(pieceMap.digestOf(chunk)));
    return true;
  } catch (error) {
    if (error instanceof WrongChunkError || (error as NodeJS.ErrnoException).code !== undefined) return false;
    throw error;
  }
}
