import { sha256 } from "@ingot/chunks";
import type { CrashVolume } from "@ingot/testkit/crash";

import type { ChunkPlace } from "../src/deploy-plan.ts";
import { type DeployTarget, type DiskRange, PlaceState } from "../src/deploy-target.ts";
import type { DurableFile } from "../src/volume.ts";

const DISK = "disk";
const BESIDE = "disk.ingot";

/** A disk of a crash volume as the target of a deployment. */
export class CrashDeployTarget implements DeployTarget {
  readonly name = "crash target";
  readonly checkConcurrency = 2;
  readonly sizeBytes: number;
  readonly hasBeside: boolean;
  readonly #volume: CrashVolume;
  readonly #file: DurableFile;

  private constructor(volume: CrashVolume, file: DurableFile, sizeBytes: number, hasBeside: boolean) {
    this.#volume = volume;
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.hasBeside = hasBeside;
  }

  /** Puts a durable disk with this content on the volume. */
  static async create(volume: CrashVolume, content: Uint8Array): Promise<void> {
    const file = await volume.open(DISK, "create");
    await file.write(0, content);
    await file.sync();
    await volume.syncDirectory();
    await file.close();
  }

  static async open(volume: CrashVolume, hasBeside: boolean): Promise<CrashDeployTarget> {
    const file = await volume.open(DISK, "existing");
    const { sizeBytes } = await file.measure();
    return new CrashDeployTarget(volume, file, sizeBytes, hasBeside);
  }

  read(offset: number, into: Uint8Array): void | Promise<void> {
    return this.#file.read(offset, into);
  }

  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    return this.#file.write(offset, bytes);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  async zero(offset: number, length: number): Promise<void> {
    await this.#file.punchHole(offset, length);
  }

  async findNonZero(offset: number, length: number): Promise<readonly DiskRange[]> {
    const bytes = new Uint8Array(length);
    await this.#file.read(offset, bytes);
    return bytes.every((byte) => byte === 0) ? [] : [{ offset, length }];
  }

  async forgetCache(): Promise<void> {
    // Nothing stands between this disk and its reader.
  }

  isHole(): boolean {
    return false;
  }

  async check(places: readonly ChunkPlace[]): Promise<Uint8Array> {
    const states = new Uint8Array(places.length);
    for (const [at, { offset, length, digest }] of places.entries()) {
      const bytes = new Uint8Array(length);
      await this.#file.read(offset, bytes);
      states[at] = sha256(bytes) === digest ? PlaceState.right : PlaceState.different;
    }
    return states;
  }

  async openBeside(how: "create" | "existing"): Promise<DurableFile | undefined> {
    if (how === "existing" && !(await this.#volume.list()).includes(BESIDE)) return undefined;
    return this.#volume.open(BESIDE, how);
  }

  async removeBeside(): Promise<void> {
    if ((await this.#volume.list()).includes(BESIDE)) await this.#volume.remove(BESIDE);
    await this.#volume.syncDirectory();
  }

  syncBeside(): Promise<void> {
    return this.#volume.syncDirectory();
  }

  wakeAfter(): () => void {
    return () => undefined;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
