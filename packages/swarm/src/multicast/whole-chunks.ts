import { CHUNK_HEADER_BYTES } from "../transfer/chunk-stream.ts";

/** The chunks that are whole in the beginning of a piece's chunk stream, and how many of its bytes they are. What is no chunk stream ends it. */
export function wholeChunksOf(
  beginning: Uint8Array,
  piece: { readonly first: number; readonly end: number },
): { readonly chunks: number[]; readonly bytes: number } {
  const view = new DataView(beginning.buffer, beginning.byteOffset, beginning.byteLength);
  const chunks: number[] = [];
  let bytes = 0;
  for (let chunk = piece.first; chunk < piece.end && bytes + CHUNK_HEADER_BYTES <= beginning.length; chunk++) {
    const end = bytes + CHUNK_HEADER_BYTES + (view.getUint32(bytes + 4) & 0xff_ffff);
    if (view.getUint32(bytes) !== chunk || end > beginning.length) break;
    chunks.push(chunk);
    bytes = end;
  }
  return { chunks, bytes };
}
