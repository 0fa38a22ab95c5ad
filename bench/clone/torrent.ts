import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

/** A torrent of one file (BEP 3), and what its tracker knows it by. */
export interface Torrent {
  readonly bytes: Buffer;
  /** SHA-1 of the info dictionary, 40 hexadecimal digits. */
  readonly infoHash: string;
}

/** Makes a torrent of `path`, which peers will know as `name`. */
export async function makeTorrent(path: string, name: string, announce: string, pieceBytes: number): Promise<Torrent> {
  const hashes: Buffer[] = [];
  await using file = await open(path);
  const { size } = await file.stat();
  const piece = Buffer.alloc(pieceBytes);
  for (let at = 0; at < size; at += pieceBytes) {
    const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
    hashes.push(createHash("sha1").update(piece.subarray(0, bytesRead)).digest());
  }
  const info = dictionary([
    ["length", integer(size)],
    ["name", text(name)],
    ["piece length", integer(pieceBytes)],
    ["pieces", string(Buffer.concat(hashes))],
  ]);
  const bytes = dictionary([
    ["announce", text(announce)],
    ["info", info],
  ]);
  return { bytes, infoHash: createHash("sha1").update(info).digest("hex") };
}

function integer(value: number): Buffer {
  return Buffer.from(`i${value}e`);
}

function string(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${bytes.length}:`), bytes]);
}

function text(value: string): Buffer {
  return string(Buffer.from(value));
}

/** Keys in ascending order, as BEP 3 wants them. */
function dictionary(entries: readonly (readonly [string, Buffer])[]): Buffer {
  const parts = entries.flatMap(([key, value]) => [text(key), value]);
  return Buffer.concat([Buffer.from("d"), ...parts, Buffer.from("e")]);
}
