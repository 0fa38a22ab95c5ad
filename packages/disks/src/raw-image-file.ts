import fs from "node:fs";
import { promisify } from "node:util";

import { seekData, seekHole } from "@ingot/linux";

import { sizeOfDisk } from "./disk-size-file.ts";
import { DiskError } from "./errors.ts";
import { FORMAT_HEAD_BYTES, formatOfImage } from "./image-format.ts";
import { SECTOR_BYTES } from "./limits.ts";

/** Reads of this size reach a disk's sequential speed; two of them are in memory at a time. */
const PIECE_BYTES = 1024 * 1024;

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const readFd = promisify(fs.read);

/** A raw image, opened to be read once from its start to its end: what `importImage` of `@ingot/chunks` takes. */
export interface RawImage extends AsyncDisposable {
  /** Multiple of 512, not 0. */
  readonly sizeBytes: number;
  /**
   * The ranges that hold data, ascending, up to 1 MiB each; holes are left out without being read. `bytes` is valid until
   * the next range is asked for. Ends with DiskError `changed-while-read` when the file changed meanwhile, so that
   * nobody takes a mixture for an image (a block device gives no sign of that). Can be read once.
   */
  readonly data: AsyncIterable<{ offset: number; bytes: Uint8Array }>;
  /** May be called twice, and while `data` is being read. */
  close(): Promise<void>;
}

/** What a file holds, before anybody reads it as an image. Errors as `openRawImage`. */
export async function detectImage(path: string): Promise<{ format: "raw"; sizeBytes: number }> {
  await using image = await openRawImage(path);
  return { format: "raw", sizeBytes: image.sizeBytes };
}

/**
 * Opens a raw disk image, a file or a block device.
 * DiskError `not-found`, `not-a-disk`, `empty`, `not-whole-sectors`, `unsupported-format`.
 */
export async function openRawImage(path: string): Promise<RawImage> {
  const fd = await openFd(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new DiskError("not-found", `image ${path}: no such file`, { cause: error });
  });
  try {
    const sizeBytes = sizeOfImage(fd, path);
    await refuseContainer(fd, sizeBytes, path);
    return new OpenRawImage(fd, path, sizeBytes);
  } catch (error) {
    await closeFd(fd);
    throw error;
  }
}

class OpenRawImage implements RawImage {
  readonly sizeBytes: number;
  readonly data: AsyncGenerator<{ offset: number; bytes: Uint8Array }, void, undefined>;
  readonly #fd: number;
  readonly #path: string;
  readonly #before: string;
  #reading: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  constructor(fd: number, path: string, sizeBytes: number) {
    this.#fd = fd;
    this.#path = path;
    this.sizeBytes = sizeBytes;
    this.#before = fingerprint(fs.fstatSync(fd, { bigint: true }));
    this.data = this.#read();
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #finish(): Promise<void> {
    // The descriptor's number may be another file's as soon as it is closed.
    await this.#reading?.catch(() => undefined);
    await closeFd(this.#fd);
  }

  /** Reads the next piece while the caller works on the one before. */
  async *#read(): AsyncGenerator<{ offset: number; bytes: Uint8Array }, void, undefined> {
    let buffer = Buffer.allocUnsafe(PIECE_BYTES);
    let spare = Buffer.allocUnsafe(PIECE_BYTES);
    const pieces = this.#pieces();
    let piece = pieces.next();
    let reading = piece.done === true ? undefined : this.#readPiece(piece.value, buffer);
    while (reading !== undefined && piece.done !== true) {
      const { offset, length } = piece.value;
      await reading;
      piece = pieces.next();
      reading = piece.done === true ? undefined : this.#readPiece(piece.value, spare);
      yield { offset, bytes: buffer.subarray(0, length) };
      [buffer, spare] = [spare, buffer];
    }
    this.#refuseIfChanged();
  }

  *#pieces(): Generator<{ offset: number; length: number }, void, undefined> {
    const mayHaveHoles = fs.fstatSync(this.#fd).isFile();
    let at = 0;
    while (at < this.sizeBytes) {
      this.#refuseIfClosed();
      const start = mayHaveHoles ? seekData(this.#fd, at) : at;
      if (start === undefined) return;
      const hole = mayHaveHoles ? seekHole(this.#fd, start) : undefined;
      const end = Math.min(hole ?? this.sizeBytes, this.sizeBytes);
      // File systems report whole blocks of theirs, which are whole sectors; the rounding is for those that do not.
      for (at = start - (start % SECTOR_BYTES); at < end;) {
        const length = Math.min(PIECE_BYTES, Math.ceil((end - at) / SECTOR_BYTES) * SECTOR_BYTES);
        yield { offset: at, length };
        at += length;
      }
    }
  }

  #readPiece(piece: { offset: number; length: number }, into: Uint8Array): Promise<void> {
    this.#refuseIfClosed();
    const reading = this.#fill(piece.offset, into.subarray(0, piece.length));
    // Its error is thrown where it is awaited, which may be after the caller has given up.
    reading.catch(() => undefined);
    this.#reading = reading;
    return reading;
  }

  async #fill(offset: number, into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await readFd(this.#fd, into, filled, into.length - filled, offset + filled);
      if (bytesRead === 0) throw this.#changed(`it ends at byte ${offset + filled}`);
      filled += bytesRead;
    }
  }

  #refuseIfChanged(): void {
    const opened = fs.fstatSync(this.#fd, { bigint: true });
    if (opened.isBlockDevice()) return;
    const named = fs.statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    const after = named === undefined ? "removed" : fingerprint(named);
    if (after !== this.#before) throw this.#changed(`${this.#before} before, ${after} after`);
  }

  #changed(how: string): DiskError {
    return new DiskError("changed-while-read", `image ${this.#path}: changed while it was read (${how})`);
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw new DiskError("closed", `image ${this.#path}: read after close`);
  }
}

function sizeOfImage(fd: number, path: string): number {
  const sizeBytes = sizeOfDisk(fd);
  if (sizeBytes === undefined) {
    const what = fs.fstatSync(fd).isDirectory() ? "a directory" : "neither a file nor a block device";
    throw new DiskError("not-a-disk", `image ${path}: is ${what}, expected a raw disk image`);
  }
  if (sizeBytes === 0) throw new DiskError("empty", `image ${path}: is empty`);
  if (sizeBytes % SECTOR_BYTES !== 0) {
    throw new DiskError(
      "not-whole-sectors",
      `image ${path}: has ${sizeBytes} bytes, which is not a multiple of ${SECTOR_BYTES}; is it a raw disk image?`,
    );
  }
  return sizeBytes;
}

async function refuseContainer(fd: number, sizeBytes: number, path: string): Promise<void> {
  const head = new Uint8Array(Math.min(FORMAT_HEAD_BYTES, sizeBytes));
  const lastSector = new Uint8Array(SECTOR_BYTES);
  await readFd(fd, head, 0, head.length, 0);
  await readFd(fd, lastSector, 0, SECTOR_BYTES, sizeBytes - SECTOR_BYTES);
  const format = formatOfImage(head, lastSector);
  if (format === "raw") return;
  throw new DiskError("unsupported-format", `image ${path}: is ${format}, expected a raw disk image`);
}

/** Changes whenever the content may have: another file under the name, another length, a later write. */
function fingerprint(stat: fs.BigIntStats): string {
  return `inode ${stat.dev}:${stat.ino}, ${stat.size} bytes, written ${stat.mtimeNs} ns`;
}
