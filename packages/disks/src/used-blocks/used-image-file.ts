import fs from "node:fs";
import { promisify } from "node:util";

import { sizeOfDisk } from "../disk-size-file.ts";
import { DiskError } from "../errors.ts";
import type { ByteReader } from "./byte-reader.ts";
import { findUsedBlocks, type UsedBlocks } from "./used-blocks.ts";

/** Reads of this size reach a disk's sequential speed; two of them are in memory at a time. */
const PIECE_BYTES = 1024 * 1024;

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const readFd = promisify(fs.read);

/** A disk of which only what is used is read: an image for `encodeSparse` and `importImage`. */
export interface UsedImage extends AsyncDisposable {
  /** Multiple of 512. */
  readonly sizeBytes: number;
  readonly used: UsedBlocks;
  /** Ascending. `bytes` is valid until the next range is asked for. Can be read once. A sector that the disk does not give ends it. */
  readonly data: AsyncIterable<{ offset: number; bytes: Uint8Array } | { offset: number; dontCareLength: number }>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** A disk or a file, for `recognise` and `findUsedBlocks`. DiskError `not-a-disk`. */
export async function openByteReader(path: string): Promise<ByteReader & { close(): Promise<void> }> {
  const fd = await openFd(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const sizeBytes = sizeOfDisk(fd);
  if (sizeBytes === undefined) {
    await closeFd(fd);
    throw new DiskError("not-a-disk", `disk ${path}: is neither a file nor a block device`);
  }
  let isOpen = true;
  return {
    sizeBytes,
    async read(offset, into) {
      for (let filled = 0; filled < into.length;) {
        const { bytesRead } = await readFd(fd, into, filled, into.length - filled, offset + filled);
        if (bytesRead === 0) throw new DiskError("out-of-range", `disk ${path}: ends at byte ${offset + filled}`);
        filled += bytesRead;
      }
    },
    async close() {
      if (isOpen) await closeFd(fd);
      isOpen = false;
    },
  };
}

/**
 * Opens a disk or a raw image to capture what is used of it. The disk MUST NOT be mounted for writing meanwhile.
 * DiskError `not-a-disk`, `not-whole-sectors`.
 */
export async function openUsedImage(path: string): Promise<UsedImage> {
  const reader = await openByteReader(path);
  try {
    if (reader.sizeBytes === 0 || reader.sizeBytes % 512 !== 0) {
      throw new DiskError("not-whole-sectors", `disk ${path}: has ${reader.sizeBytes} bytes, expected whole sectors`);
    }
    const used = await findUsedBlocks(reader);
    const close = (): Promise<void> => reader.close();
    return { sizeBytes: reader.sizeBytes, used, data: readUsed(reader, used), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Reads the next piece while the caller works on the one before. */
async function* readUsed(
  reader: ByteReader,
  used: UsedBlocks,
): AsyncGenerator<{ offset: number; bytes: Uint8Array } | { offset: number; dontCareLength: number }, void, undefined> {
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)] as const;
  let turn = 0;
  const start = (piece: Piece): Promise<Uint8Array | undefined> => {
    if (piece.kind === "dontCare") return Promise.resolve(undefined);
    const bytes = buffers[(turn++ & 1) as 0 | 1].subarray(0, piece.length);
    const reading = reader.read(piece.offset, bytes).then(() => bytes);
    // Its error is thrown where it is awaited, which may be after the caller has given up.
    reading.catch(() => undefined);
    return reading;
  };
  let ahead: { piece: Piece; reading: Promise<Uint8Array | undefined> } | undefined;
  for (const piece of piecesOf(used)) {
    const before = ahead;
    if (before !== undefined) {
      const bytes = await before.reading;
      ahead = { piece, reading: start(piece) };
      yield bytes === undefined ? dontCare(before.piece) : { offset: before.piece.offset, bytes };
    } else {
      ahead = { piece, reading: start(piece) };
    }
  }
  if (ahead === undefined) return;
  const bytes = await ahead.reading;
  yield bytes === undefined ? dontCare(ahead.piece) : { offset: ahead.piece.offset, bytes };
}

interface Piece {
  readonly kind: "data" | "dontCare";
  readonly offset: number;
  readonly length: number;
}

function dontCare({ offset, length }: Piece): { offset: number; dontCareLength: number } {
  return { offset, dontCareLength: length };
}

function* piecesOf(used: UsedBlocks): Generator<Piece, void, undefined> {
  for (const range of used.ranges) {
    if (range.kind === "dontCare") {
      yield range;
      continue;
    }
    for (let at = 0; at < range.length; at += PIECE_BYTES) {
      yield { kind: "data", offset: range.offset + at, length: Math.min(PIECE_BYTES, range.length - at) };
    }
  }
}
