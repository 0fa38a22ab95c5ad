import { constants } from "node:fs";
import { open, realpath } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A directory that boot files are served from. */
export interface BootFileDirectory {
  readonly path: string;
  /** Other directories that symbolic links in it may lead to. Links that lead anywhere else are not served. */
  readonly linksInto: readonly string[];
}

/**
 * Letters, digits and a few signs, not beginning with a dot: a segment that can mean nothing but itself. One folder may stand
 * before it, as in `agent/vmlinuz`.
 */
const SERVABLE_NAME = /^(?:[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}\/)?[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$/;

/**
 * Opens a regular file of a directory. Nothing but a plain name, or one in a folder, is looked up, and the place that the name
 * really leads to must lie in the directory or in one that its links may lead to.
 *
 * @returns undefined when there is no such file, or when it is not served for the reasons above.
 * @throws the system's error when the file is there but cannot be opened (no permission, no descriptors left).
 */
export async function openBootFile(directory: BootFileDirectory, name: string): Promise<BootFile | undefined> {
  if (!SERVABLE_NAME.test(name)) {
    return undefined;
  }
  const target = await realPathOrAbsent(join(directory.path, name));
  if (target === undefined || !(await isWithin(target, [directory.path, ...directory.linksInto]))) {
    return undefined;
  }
  // The path has no links left: one that appears now was put there to be followed. Opening a FIFO must not wait.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await orAbsent(open(target, flags), ["ENOENT", "ENXIO", "ELOOP"]);
  if (handle === undefined) {
    return undefined;
  }
  try {
    const facts = await handle.stat({ bigint: true });
    if (facts.isFile()) {
      const version = [facts.ino, facts.size, facts.mtimeNs].map((value) => value.toString(36)).join("-");
      return new BootFile(handle, name, Number(facts.size), `"${version}"`);
    }
  } catch (cause) {
    await handle.close();
    throw cause;
  }
  await handle.close();
  return undefined;
}

/** An open boot file. It has the shape of `TftpFile` and serves HTTP as well. Replace files by renaming, not in place. */
export class BootFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** A strong entity tag (RFC 9110 §8.8.3), quotes included: inode, size and time of change in nanoseconds. */
  readonly etag: string;
  readonly #handle: FileHandle;

  /** Takes over the handle. */
  constructor(handle: FileHandle, name: string, sizeBytes: number, etag: string) {
    this.#handle = handle;
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.etag = etag;
  }

  /**
   * Fills `into` from `offset`.
   *
   * @throws {Error} when the file has become shorter, or the system's error.
   */
  async read(offset: number, into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, offset + filled);
      if (bytesRead === 0) {
        throw new Error(`boot file ${this.name} ends at ${offset + filled}, expected ${this.sizeBytes} bytes`);
      }
      filled += bytesRead;
    }
  }

  /** Closes the file. Idempotent. */
  async close(): Promise<void> {
    await this.#handle.close();
  }
}

async function isWithin(target: string, directories: readonly string[]): Promise<boolean> {
  const parent = dirname(target);
  for (const directory of directories) {
    const real = await realPathOrAbsent(directory);
    if (real !== undefined && (parent === real || parent.startsWith(join(real, "/")))) {
      return true;
    }
  }
  return false;
}

function realPathOrAbsent(path: string): Promise<string | undefined> {
  return orAbsent(realpath(path), ["ENOENT", "ENOTDIR", "ELOOP"]);
}

/** The result, or undefined when the system's error is one of those that mean "not there". */
async function orAbsent<T>(result: Promise<T>, absentCodes: readonly string[]): Promise<T | undefined> {
  try {
    return await result;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && absentCodes.includes(String(cause.code))) {
      return undefined;
    }
    throw cause;
  }
}
