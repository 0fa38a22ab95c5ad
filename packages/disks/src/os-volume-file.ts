import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { CachedReader, punchHole } from "@ingot/linux";

import { DiskError } from "./errors.ts";
import { PageCacheEstimate, WarmBlocks } from "./warm-blocks.ts";
import type { DurableFile, ReadOnlyVolume, Volume } from "./volume.ts";

/** Longer requests always go to the thread pool: copying them would hold up everybody else. */
const MAX_SYNC_BYTES = 256 * 1024;

/** Unsynced bytes of one file from which it is synced in the background, so that they do not pile up until the next flush. */
const BACKGROUND_SYNC_BYTES = 16 * 1024 * 1024;

/**
 * Unsynced bytes of one file up to which writes go straight to the page cache. The kernel makes writers wait when much
 * more than this is dirty, and that wait belongs on the thread pool.
 */
const MAX_SYNC_DIRTY_BYTES = 64 * 1024 * 1024;

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const readFd = promisify(fs.read);
const writeFd = promisify(fs.write);
const datasyncFd = promisify(fs.fdatasync);
const syncFd = promisify(fs.fsync);
const truncateFd = promisify(fs.ftruncate);
const statFd = promisify(fs.fstat);

/** How to open a directory of files. */
export interface OsVolumeOptions {
  /** Shared by all volumes of a process; default: one of its own, assuming a quarter of the memory to be page cache. */
  readonly pageCache?: PageCacheEstimate;
}

/** A directory of the operating system as a `Volume`. */
export class OsVolume implements Volume, ReadOnlyVolume {
  readonly directory: string;
  readonly bootId: string;
  readonly #pageCache: PageCacheEstimate;

  private constructor(directory: string, bootId: string, pageCache: PageCacheEstimate) {
    this.directory = directory;
    this.bootId = bootId;
    this.#pageCache = pageCache;
  }

  /** Opens a directory, creating it (and its parents) where it is missing. */
  static async open(directory: string, options: OsVolumeOptions = {}): Promise<OsVolume> {
    const created = await fs.promises.mkdir(directory, { recursive: true });
    // Each new directory's name lives in its parent.
    for (let at = path.resolve(directory); created !== undefined; at = path.dirname(at)) {
      await syncDirectoryAt(path.dirname(at));
      if (at === path.resolve(created)) break;
    }
    const bootId = (await fs.promises.readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
    return new OsVolume(directory, bootId, options.pageCache ?? new PageCacheEstimate(os.totalmem() / 4));
  }

  /** A directory below this one that shares its estimate of the page cache; created where it is missing. */
  subdirectory(name: string): Promise<OsVolume> {
    return OsVolume.open(path.join(this.directory, name), { pageCache: this.#pageCache });
  }

  /** See Volume. */
  async open(name: string, how: "create" | "existing"): Promise<OsFile> {
    const flags = how === "create" ? fs.constants.O_CREAT | fs.constants.O_TRUNC : 0;
    const fd = await openFd(path.join(this.directory, name), fs.constants.O_RDWR | flags, 0o600);
    return new OsFile(fd, this.#pageCache);
  }

  /** See ReadOnlyVolume. */
  async openReadOnly(name: string): Promise<OsFile> {
    return new OsFile(await openFd(path.join(this.directory, name), fs.constants.O_RDONLY), this.#pageCache);
  }

  /** See Volume. */
  rename(from: string, to: string): Promise<void> {
    return fs.promises.rename(path.join(this.directory, from), path.join(this.directory, to));
  }

  /** See Volume. */
  remove(name: string): Promise<void> {
    return fs.promises.unlink(path.join(this.directory, name));
  }

  /** See Volume. */
  syncDirectory(): Promise<void> {
    return syncDirectoryAt(this.directory);
  }

  /** See Volume. Directories below are left out. */
  async list(): Promise<string[]> {
    const entries = await fs.promises.readdir(this.directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }
}

/**
 * A file of the operating system as a `DurableFile`.
 *
 * Reads and writes go straight to the page cache, without a promise and without the thread pool, when they cannot be
 * long: reads of up to 256 KiB of what was read or written lately, writes of up to 256 KiB while little is dirty. Everything
 * else goes to the thread pool. A wrong guess costs one synchronous disk access, never a wrong answer.
 */
export class OsFile implements DurableFile {
  readonly #fd: number;
  readonly #cached: CachedReader;
  readonly #warm: WarmBlocks;
  /** Where bytes go that are read for the cache's sake. */
  #unread = new Uint8Array();
  #dirtyBytes = 0;
  #backgroundSync: Promise<void> | undefined;
  /** The kernel reports a failed write-back once; whoever syncs next has to hear of it. */
  #syncError: unknown;
  #closing: Promise<void> | undefined;

  /** Takes over the descriptor. */
  constructor(fd: number, pageCache: PageCacheEstimate) {
    this.#fd = fd;
    this.#cached = new CachedReader(fd);
    this.#warm = new WarmBlocks(pageCache);
  }

  /** See DurableFile. */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    this.#refuseIfClosed();
    const isHot = into.length <= MAX_SYNC_BYTES && this.#warm.has(offset, into.length);
    if (!isHot) return this.#readUncertain(offset, into);
    this.#warm.touch(offset, into.length);
    const length = fs.readSync(this.#fd, into, 0, into.length, offset);
    if (length !== into.length) return this.#readLater(offset, into);
  }

  /** See DurableFile. By the thread pool, also when it is taken to be cached: whoever asks has a reason to doubt it. */
  bringIn(offset: number, lengthBytes: number): Promise<void> {
    this.#refuseIfClosed();
    // Nobody looks at it: reads at the same time may overwrite each other.
    if (this.#unread.length < lengthBytes) this.#unread = new Uint8Array(lengthBytes);
    return this.#readLater(offset, this.#unread.subarray(0, lengthBytes));
  }

  /** See DurableFile. */
  noteCached(offset: number, lengthBytes: number): void {
    this.#warm.touch(offset, lengthBytes);
  }

  /** See DurableFile. */
  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    this.#refuseIfClosed();
    this.#dirtyBytes += bytes.length;
    if (this.#dirtyBytes > BACKGROUND_SYNC_BYTES) this.#backgroundSync ??= this.#syncInBackground();
    // A part of a page that is not cached has to be read first.
    const isWhole = offset % 4096 === 0 && bytes.length % 4096 === 0;
    const isQuick =
      bytes.length <= MAX_SYNC_BYTES &&
      this.#dirtyBytes <= MAX_SYNC_DIRTY_BYTES &&
      (isWhole || this.#warm.has(offset, bytes.length));
    if (!isQuick) return this.#writeLater(offset, bytes);
    this.#warm.touch(offset, bytes.length);
    const length = fs.writeSync(this.#fd, bytes, 0, bytes.length, offset);
    if (length !== bytes.length) return this.#writeLater(offset + length, bytes.subarray(length));
  }

  /** See DurableFile. fdatasync(2): the length and where the blocks are is synced too. */
  async sync(): Promise<void> {
    this.#refuseIfClosed();
    await this.#syncDirty();
    await this.#backgroundSync;
    if (this.#syncError !== undefined) throw this.#syncError;
  }

  /** See DurableFile. */
  async truncate(sizeBytes: number): Promise<void> {
    this.#refuseIfClosed();
    await truncateFd(this.#fd, sizeBytes);
  }

  /** See DurableFile. */
  punchHole(offset: number, lengthBytes: number): boolean {
    this.#refuseIfClosed();
    return punchHole(this.#fd, offset, lengthBytes);
  }

  /** See DurableFile. */
  async measure(): Promise<{ sizeBytes: number; storedBytes: number }> {
    this.#refuseIfClosed();
    const { size, blocks } = await statFd(this.#fd);
    // st_blocks counts 512 bytes whatever the file system's block is (stat(2)).
    return { sizeBytes: size, storedBytes: blocks * 512 };
  }

  /** See DurableFile. */
  close(): Promise<void> {
    // The descriptor's number may be another file's as soon as it is closed.
    this.#closing ??= Promise.resolve(this.#backgroundSync).then(() => closeFd(this.#fd));
    return this.#closing;
  }

  async #syncDirty(): Promise<void> {
    const covered = this.#dirtyBytes;
    // Counted down at once: two syncs at a time must not count the same bytes twice.
    this.#dirtyBytes = 0;
    try {
      await datasyncFd(this.#fd);
    } catch (error) {
      this.#dirtyBytes += covered;
      throw error;
    }
  }

  async #syncInBackground(): Promise<void> {
    try {
      await this.#syncDirty();
    } catch (error) {
      this.#syncError = error;
    }
    this.#backgroundSync = undefined;
  }

  /** Nothing is known of the range: the kernel is asked, who answers from the page cache or says that it would have to wait. */
  #readUncertain(offset: number, into: Uint8Array): void | Promise<void> {
    if (into.length > MAX_SYNC_BYTES) return this.#readLater(offset, into);
    const length = this.#cached.read(into as Uint8Array<ArrayBuffer>, offset);
    if (length < into.length) return this.#readLater(offset, into);
    this.#warm.touch(offset, length);
  }

  async #readLater(offset: number, into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await readFd(this.#fd, into, filled, into.length - filled, offset + filled);
      if (bytesRead === 0) {
        throw new DiskError(
          "out-of-range",
          `file: ends at byte ${offset + filled}, wanted ${into.length} bytes from ${offset}`,
        );
      }
      filled += bytesRead;
    }
    this.#warm.touch(offset, into.length);
  }

  async #writeLater(offset: number, bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await writeFd(this.#fd, bytes, written, bytes.length - written, offset + written);
      written += bytesWritten;
    }
    this.#warm.touch(offset, bytes.length);
  }

  #refuseIfClosed(): void {
    // The number may belong to another file by now.
    if (this.#closing !== undefined) throw new DiskError("closed", "file: used after close");
  }
}

async function syncDirectoryAt(directory: string): Promise<void> {
  const fd = await openFd(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await syncFd(fd);
  } finally {
    await closeFd(fd);
  }
}
