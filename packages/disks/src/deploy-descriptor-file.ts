import { hash } from "node:crypto";
import fs from "node:fs";

import { punchHole, SystemCallError } from "@ingot/linux";

import type { ChunkPlace } from "./deploy-plan.ts";
import { type DiskRange, PlaceState } from "./deploy-target.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./limits.ts";

/** Read and looked at in pieces of this size. */
const PIECE_BYTES = 1024 * 1024;

/** Zeros are written in pieces of this size, where a read showed something else. */
const ZERO_BYTES = 64 * 1024;
const zeros = Buffer.alloc(ZERO_BYTES);

/** A write that failed, as it goes from one thread to another. */
export interface WriteFailure {
  readonly offset: number;
  /** Name of the errno. */
  readonly errno: string;
}

/** What each place holds, by reading and hashing it. For threads that may wait, and start with no more than they need. */
export function checkPlaces(fd: number, places: readonly ChunkPlace[]): Uint8Array<ArrayBuffer> {
  const states = new Uint8Array(places.length);
  const buffer = Buffer.allocUnsafe(Math.max(0, ...places.map(({ length }) => length)));
  for (const [at, { offset, length, digest }] of places.entries()) {
    const bytes = buffer.subarray(0, length);
    states[at] = !readWhole(fd, offset, bytes)
      ? PlaceState.unreadable
      : hash("sha256", bytes, "hex") === digest
        ? PlaceState.right
        : PlaceState.different;
  }
  return states;
}

/** See DeployTarget. What the disk does not give is not zero. */
export function findNonZero(fd: number, offset: number, length: number): DiskRange[] {
  const found: { offset: number; length: number }[] = [];
  const end = offset + length;
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_BYTES, length));
  for (let at = offset; at < end;) {
    const bytes = buffer.subarray(0, Math.min(PIECE_BYTES - (at % BLOCK_BYTES), end - at));
    const isGiven = readWhole(fd, at, bytes);
    if (!isGiven) addRange(found, at, bytes.length);
    else if (!isZero(bytes)) {
      for (let done = 0; done < bytes.length;) {
        const block = bytes.subarray(done, done + BLOCK_BYTES - ((at + done) % BLOCK_BYTES));
        if (!isZero(block)) addRange(found, at + done, block.length);
        done += block.length;
      }
    }
    at += bytes.length;
  }
  return found;
}

/** Neighbours become one range. */
function addRange(ranges: { offset: number; length: number }[], offset: number, length: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && last.offset + last.length === offset) last.length += length;
  else ranges.push({ offset, length });
}

/**
 * Makes a range read as zeros: by giving it back to the file system or the device, which is then bound to answer zeros (fallocate(2), for block
 * devices Linux' WRITE ZEROES with unmapping), else by writing where something else stands. Returns where that failed.
 */
export function zeroRange(fd: number, offset: number, length: number): WriteFailure | undefined {
  // Block devices take whole blocks of theirs, 4096 bytes at most.
  const inner = Math.ceil(offset / BLOCK_BYTES) * BLOCK_BYTES;
  const innerEnd = Math.floor((offset + length) / BLOCK_BYTES) * BLOCK_BYTES;
  if (innerEnd <= inner || !wasPunched(fd, inner, innerEnd - inner)) return writeZeros(fd, offset, length);
  return writeZeros(fd, offset, inner - offset) ?? writeZeros(fd, innerEnd, offset + length - innerEnd);
}

function wasPunched(fd: number, offset: number, length: number): boolean {
  try {
    return punchHole(fd, offset, length);
  } catch (error) {
    // Whatever the device has against it, writing zeros does the same, and tells the place when that fails, too.
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

function writeZeros(fd: number, offset: number, length: number): WriteFailure | undefined {
  const buffer = Buffer.allocUnsafe(Math.min(ZERO_BYTES, length));
  for (let at = 0; at < length; at += ZERO_BYTES) {
    const bytes = buffer.subarray(0, Math.min(ZERO_BYTES, length - at));
    // What cannot be read may still be written.
    if (readWhole(fd, offset + at, bytes) && isZero(bytes)) continue;
    const failure = writeWhole(fd, offset + at, zeros.subarray(0, bytes.length));
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Writes all of `bytes`; returns the sector at which that failed. */
function writeWhole(fd: number, offset: number, bytes: Uint8Array): WriteFailure | undefined {
  let written = 0;
  try {
    while (written < bytes.length)
      written += fs.writeSync(fd, bytes, written, bytes.length - written, offset + written);
    return undefined;
  } catch (error) {
    const at = offset + written;
    return { offset: at - (at % SECTOR_BYTES), errno: (error as NodeJS.ErrnoException).code ?? "EIO" };
  }
}

function readWhole(fd: number, offset: number, into: Uint8Array): boolean {
  let filled = 0;
  try {
    while (filled < into.length) {
      const count = fs.readSync(fd, into, filled, into.length - filled, offset + filled);
      if (count === 0) return false;
      filled += count;
    }
    return true;
  } catch (error) {
    // The disk's answer to this range; anything else is a mistake of ours.
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EIO" || code === "ENXIO" || code === "EREMOTEIO" || code === "ENODATA") return false;
    throw error;
  }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZERO_BYTES) {
    const length = Math.min(ZERO_BYTES, bytes.length - at);
    if (bytes.compare(zeros, 0, length, at, at + length) !== 0) return false;
  }
  return true;
}
