import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { dropCache, type FileLock, lockFile, seekData } from "@ingot/linux";

import type { WriteFailure } from "./deploy-descriptor-file.ts";
import type { ChunkPlace } from "./deploy-plan.ts";
import { DeployPool } from "./deploy-pool-worker.ts";
import type { DeployTarget, DiskRange } from "./deploy-target.ts";
import { sizeOfDisk } from "./disk-size-file.ts";
import { DiskError } from "./errors.ts";
import { BLOCK_BYTES, SECTOR_BYTES } from "./limits.ts";
import { OsFile } from "./os-volume-file.ts";
import type { DurableFile } from "./volume.ts";
import { PageCacheEstimate } from "./warm-blocks.ts";

const BESIDE_SUFFIX = ".ingot";
const DEFAULT_THREADS = 2;
const CHECKS_PER_THREAD = 2;

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const readFd = promisify(fs.read);
const writeFd = promisify(fs.write);
const datasyncFd = promisify(fs.fdatasync);
const syncFd = promisify(fs.fsync);

/** How to open a target. */
export interface OsDeployTargetOptions {
  /** The target is at least as long. */
  readonly imageBytes: number;
  readonly readOnly: boolean;
  readonly hashThreads?: number | undefined;
}

/** A file or a block device of this machine. */
export class OsDeployTarget implements DeployTarget {
  readonly name: string;
  readonly fd: number;
  readonly sizeBytes: number;
  readonly hasBeside: boolean;
  readonly checkConcurrency: number;
  readonly #path: string;
  readonly #lock: FileLock | undefined;
  readonly #pool: DeployPool;
  #closing: Promise<void> | undefined;

  private constructor(target: {
    path: string;
    fd: number;
    sizeBytes: number;
    lock: FileLock | undefined;
    threads: number;
  }) {
    this.name = `target ${target.path}`;
    this.#path = target.path;
    this.fd = target.fd;
    this.sizeBytes = target.sizeBytes;
    this.#lock = target.lock;
    this.#pool = new DeployPool(target.threads);
    this.hasBeside = fs.fstatSync(target.fd).isFile();
    this.checkConcurrency = target.threads * CHECKS_PER_THREAD;
  }

  /** Opens a disk, or a file, which is created or extended to the image's size. DiskError `too-small`, `in-use`, `not-a-disk`, `not-found`. */
  static async open(file: string, options: OsDeployTargetOptions): Promise<OsDeployTarget> {
    const { fd, isNew } = await openTarget(file, options.readOnly);
    let lock: FileLock | undefined;
    try {
      const before = sizeOfDisk(fd);
      if (before === undefined)
        throw new DiskError("not-a-disk", `target ${file}: is neither a file nor a block device`);
      if (!options.readOnly) {
        lock = lockFile(file);
        if (lock === undefined) throw new DiskError("in-use", `target ${file}: another program fills it`);
      }
      const sizeBytes = options.readOnly ? before : await extend(fd, file, before, options.imageBytes);
      if (sizeBytes < options.imageBytes) {
        throw new DiskError(
          "too-small",
          `target ${file}: has ${sizeBytes} bytes, the image needs ${options.imageBytes}`,
        );
      }
      if (isNew) await syncDirectoryOf(file);
      const threads = options.hashThreads ?? Math.min(DEFAULT_THREADS, os.availableParallelism());
      return new OsDeployTarget({ path: file, fd, sizeBytes, lock, threads: Math.max(1, threads) });
    } catch (error) {
      lock?.close();
      await closeFd(fd);
      throw error;
    }
  }

  /** See DeployTarget. */
  async read(offset: number, into: Uint8Array): Promise<void> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await readFd(this.fd, into, filled, into.length - filled, offset + filled);
      if (bytesRead === 0) throw new DiskError("out-of-range", `${this.name}: ends at byte ${offset + filled}`);
      filled += bytesRead;
    }
  }

  /** See DeployTarget. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    let written = 0;
    try {
      while (written < bytes.length) {
        const length = bytes.length - written;
        written += (await writeFd(this.fd, bytes, written, length, offset + written)).bytesWritten;
      }
    } catch (error) {
      const at = offset + written;
      throw this.#writeFailed({ offset: at - (at % SECTOR_BYTES), errno: errnoOf(error) }, error);
    }
  }

  /** See DeployTarget. */
  async sync(written: readonly ChunkPlace[] = []): Promise<void> {
    try {
      await datasyncFd(this.fd);
    } catch (error) {
      const failure = await this.#findFailure(written);
      if (failure !== undefined) throw this.#writeFailed(failure, error);
      throw new DiskError("write-failed", `${this.name}: the disk did not keep what was written (${errnoOf(error)})`, {
        cause: error,
      });
    }
  }

  /** See DeployTarget. */
  async forgetCache(): Promise<void> {
    await this.sync();
    dropCache(this.fd);
  }

  /** See DeployTarget. */
  async zero(offset: number, length: number): Promise<void> {
    if (this.isHole(offset, length)) return;
    const answer = await this.#pool.run({ kind: "zero", fd: this.fd, offset, length });
    if (answer.kind === "zeroed" && answer.failure !== undefined) throw this.#writeFailed(answer.failure);
  }

  /** See DeployTarget. */
  async findNonZero(offset: number, length: number): Promise<readonly DiskRange[]> {
    if (this.isHole(offset, length)) return [];
    const answer = await this.#pool.run({ kind: "findNonZero", fd: this.fd, offset, length });
    return answer.kind === "looked" ? answer.nonZero : [];
  }

  /** See DeployTarget. Only files have holes that can be seen. */
  isHole(offset: number, length: number): boolean {
    return this.hasBeside && (seekData(this.fd, offset) ?? Infinity) >= offset + length;
  }

  /** See DeployTarget. */
  async check(places: readonly ChunkPlace[]): Promise<Uint8Array> {
    const answer = await this.#pool.run({ kind: "check", fd: this.fd, places });
    return answer.kind === "checked" ? answer.states : new Uint8Array(places.length);
  }

  /** See DeployTarget. */
  async openBeside(how: "create" | "existing"): Promise<DurableFile | undefined> {
    const { O_RDWR, O_CREAT, O_TRUNC } = fs.constants;
    const flags = how === "create" ? O_RDWR | O_CREAT | O_TRUNC : O_RDWR;
    try {
      return new OsFile(await openFd(this.#beside, flags, 0o644), new PageCacheEstimate(0));
    } catch (error) {
      if (how === "existing" && errnoOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** See DeployTarget. */
  async removeBeside(): Promise<void> {
    await fs.promises.rm(this.#beside, { force: true });
    await this.syncBeside();
  }

  /** See DeployTarget. */
  syncBeside(): Promise<void> {
    return syncDirectoryOf(this.#path);
  }

  /** See DeployTarget. */
  wakeAfter(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  }

  /** See DeployTarget. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  get #beside(): string {
    return `${this.#path}${BESIDE_SUFFIX}`;
  }

  async #close(): Promise<void> {
    // The descriptor's number may be another file's as soon as it is closed.
    await this.#pool.close();
    await closeFd(this.fd);
    this.#lock?.close();
  }

  /** Writes what the operating system still has of the places once more, and waits for the disk each time. */
  async #findFailure(places: readonly ChunkPlace[]): Promise<WriteFailure | undefined> {
    const fd = await openFd(this.#path, fs.constants.O_WRONLY | fs.constants.O_DSYNC);
    const buffer = Buffer.allocUnsafe(BLOCK_BYTES);
    try {
      for (const { offset, length } of places) {
        for (let at = offset; at < offset + length; at += BLOCK_BYTES) {
          const bytes = buffer.subarray(0, Math.min(BLOCK_BYTES, offset + length - at));
          const error: unknown = await this.read(at, bytes)
            .then(() => writeFd(fd, bytes, 0, bytes.length, at))
            .then(
              () => undefined,
              (reason: unknown) => reason,
            );
          if (error !== undefined) return { offset: at, errno: errnoOf(error) };
        }
      }
      return undefined;
    } finally {
      await closeFd(fd);
    }
  }

  #writeFailed({ offset, errno }: WriteFailure, cause?: unknown): DiskError {
    const place = { offset, sector: offset / SECTOR_BYTES, errno };
    const what = `${this.name}: writing sector ${place.sector} (byte ${offset}) failed: ${errno}`;
    return new DiskError("write-failed", what, { place, cause });
  }
}

async function openTarget(file: string, readOnly: boolean): Promise<{ fd: number; isNew: boolean }> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_NONBLOCK } = fs.constants;
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  try {
    if (stat === undefined && !readOnly)
      return { fd: await openFd(file, O_RDWR | O_CREAT | O_EXCL, 0o644), isNew: true };
    if (stat?.isDirectory() === true) throw new DiskError("not-a-disk", `target ${file}: is a directory`);
    // For block devices O_EXCL means: not while it is mounted or part of something else (open(2)).
    const exclusive = stat?.isBlockDevice() === true && !readOnly ? O_EXCL : 0;
    return { fd: await openFd(file, (readOnly ? O_RDONLY : O_RDWR) | O_NONBLOCK | exclusive), isNew: false };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EBUSY") throw new DiskError("in-use", `target ${file}: it is mounted or in use`, { cause: error });
    if (errno === "ENOENT")
      throw new DiskError("not-found", `target ${file}: no such file or device`, { cause: error });
    throw error;
  }
}

async function extend(fd: number, file: string, sizeBytes: number, wanted: number): Promise<number> {
  if (sizeBytes >= wanted || !fs.fstatSync(fd).isFile()) return sizeBytes;
  try {
    await promisify(fs.ftruncate)(fd, wanted);
  } catch (error) {
    throw new DiskError("too-small", `target ${file}: cannot be extended to ${wanted} bytes`, { cause: error });
  }
  await syncFd(fd);
  return wanted;
}

async function syncDirectoryOf(file: string): Promise<void> {
  const fd = await openFd(path.dirname(path.resolve(file)), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    await syncFd(fd);
  } finally {
    await closeFd(fd);
  }
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}
