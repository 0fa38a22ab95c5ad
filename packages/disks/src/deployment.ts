import type { ChunkReader, Manifest } from "@ingot/chunks";

import { DeployBits } from "./deploy-bits.ts";
import { DeployState } from "./deploy-header.ts";
import { DeployMap } from "./deploy-map.ts";
import { DeployPlan } from "./deploy-plan.ts";
import { fillFrom } from "./deploy-fill.ts";
import { settle, type SettleReport } from "./deploy-settle.ts";
import type { DeployTarget } from "./deploy-target.ts";
import { OsDeployTarget } from "./deploy-target-file.ts";
import { type DeployVerifyReport, verifyDeployment } from "./deploy-verify.ts";
import { zeroEmpties } from "./deploy-zeroes.ts";
import { DiskError } from "./errors.ts";
import { SECTOR_BYTES } from "./limits.ts";

/** How far a long step is; bytes of the image. */
export interface DeploymentProgress {
  readonly step: "checking" | "moving" | "filling" | "zeroing" | "verifying";
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What a deployment is of, and how. */
export interface DeploymentContent {
  readonly manifest: Manifest;
  readonly manifestId: string;
  /** What the target held before, as far as that is known: chunks of it that are needed elsewhere are moved instead of fetched. */
  readonly previous?: { readonly manifest: Manifest; readonly manifestId: string } | undefined;
  /** Nothing is written, and nothing is known before `verify`, which is what this is for. Default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * As `readOnly`, but `rewrite` may be called: to repair a disk that was deployed long ago. There is no map, which would overwrite what the machine
   * keeps by now where the image has zeros or behind the image's end. Default false.
   */
  readonly repairOnly?: boolean | undefined;
  /** Whether don't-care extents may keep what the disk held before. Default false: they become zeros. */
  readonly leaveDontCare?: boolean | undefined;
  readonly onProgress?: ((progress: DeploymentProgress) => void) | undefined;
  /** Called once, when what is durable cannot be told any more (a sync failed): nothing is remembered from then on. */
  readonly onFailure?: ((error: DiskError) => void) | undefined;
  /** Ends the opening; what it found so far is remembered. */
  readonly signal?: AbortSignal | undefined;
  /** Picks samples; 0 … 1. Default `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** Where a deployment goes. */
export interface DeploymentOptions extends DeploymentContent {
  /** A block device, or a file, which is created or extended where needed. */
  readonly path: string;
  /** Threads that hash and make zeros. Default 2, at most one per processor. */
  readonly hashThreads?: number | undefined;
}

/** Chunks, and their bytes counted once each. */
export interface ChunkTally {
  readonly chunks: number;
  readonly bytes: number;
}

/** What was found when a deployment was opened, and what is missing now. */
export interface DeploymentStats {
  /** Stood where they belong, found by hashing. */
  readonly inPlace: ChunkTally;
  /** Copied from elsewhere on the target. */
  readonly moved: ChunkTally;
  /** Known from before a power cut or a stop. */
  readonly resumed: ChunkTally;
  /** Not on the target at this moment. */
  readonly missing: ChunkTally;
  readonly total: ChunkTally;
  /** The chunks that were hashed again before the map was believed, and how many of them were wrong. */
  readonly sample: { readonly checked: number; readonly wrong: number };
  /** Where the map is. */
  readonly map: "onTarget" | "beside" | "none";
}

/**
 * The replica of an image on the disk that is being filled (docs/formats/deployment.md). Whoever fills it writes chunks at all their
 * offsets through `fd` and says so with `written`; chunk numbers count distinct digests by first occurrence.
 */
export class Deployment {
  /** For reading and writing the target; the image begins at `offset`. Valid until `close`. */
  readonly fd: number;
  /** Bytes from the target's start to the image's. */
  readonly offset = 0;
  /** The whole target's size. */
  readonly targetBytes: number;
  readonly plan: DeployPlan;
  readonly #target: DeployTarget;
  readonly #map: DeployMap;
  readonly #bits: DeployBits;
  readonly #options: DeploymentContent;
  #found: SettleReport = { inPlace: [], moved: [], resumed: [], sample: { checked: 0, wrong: 0 } };
  #zeroing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(target: DeployTarget, fd: number, plan: DeployPlan, map: DeployMap, options: DeploymentContent) {
    this.#target = target;
    this.fd = fd;
    this.targetBytes = target.sizeBytes;
    this.plan = plan;
    this.#map = map;
    this.#bits = new DeployBits(target, plan, map, options.onFailure);
    this.#options = options;
  }

  /**
   * Opens the target, makes or finds the map on it, and learns which chunks stand there. Takes as long as reading the disk when there is
   * something to find. DiskError `too-small`, `in-use`, `not-a-disk`, `write-failed`; the signal's reason.
   */
  static async open(options: DeploymentOptions): Promise<Deployment> {
    const target = await OsDeployTarget.open(options.path, {
      imageBytes: options.manifest.sizeBytes,
      readOnly: options.readOnly ?? false,
      hashThreads: options.hashThreads,
    });
    return Deployment.over(target, target.fd, options);
  }

  /** As `open`, on a target that is open already, and becomes the deployment's own. */
  static async over(target: DeployTarget, fd: number, options: DeploymentContent): Promise<Deployment> {
    let deployment: Deployment | undefined;
    try {
      const plan = DeployPlan.of(options.manifest);
      const previous = options.previous && {
        plan: DeployPlan.of(options.previous.manifest),
        manifestId: options.previous.manifestId,
      };
      const map = isWithoutMap(options)
        ? DeployMap.detached(target, plan, options.manifestId)
        : await DeployMap.open(target, plan, options.manifestId, previous);
      deployment = new Deployment(target, fd, plan, map, options);
      if (!isWithoutMap(options)) await deployment.#settle(previous?.plan);
      return deployment;
    } catch (error) {
      // What was found until then is remembered now: a bit saved later would go to whatever file has the descriptor's number by then.
      await deployment?.close().catch(() => undefined);
      await target.close();
      throw error;
    }
  }

  /** One bit a chunk number (bit i mod 8 of byte i div 8), live: verified and in all its places. MUST NOT be written to. */
  get heldChunks(): Uint8Array {
    return this.#bits.held;
  }

  /** Whether the chunk is on the target. */
  has(chunk: number): boolean {
    return this.#bits.has(chunk);
  }

  /** Whether every chunk is on the target. */
  get isComplete(): boolean {
    return this.#bits.heldCount === this.plan.chunks.length;
  }

  /** The numbers of the chunks that are not on the target, ascending. */
  missingChunks(): number[] {
    return [...this.plan.chunks.keys()].filter((chunk) => !this.#bits.has(chunk));
  }

  /** These chunks were verified and written in all their places. They are remembered durably within a second, or 64 MiB. */
  written(chunks: Iterable<number>): void {
    for (const chunk of chunks) this.#bits.add(chunk);
  }

  /** Makes durable, and remembers durably, all that was written. DiskError `write-failed`, `failed`. */
  flush(): Promise<void> {
    return this.#bits.flush();
  }

  /** Fetches every missing chunk from one reader: a deployment without a swarm. Errors of the reader pass through. */
  async fill(reader: ChunkReader, options: { signal?: AbortSignal; concurrency?: number } = {}): Promise<void> {
    const missing = this.missingChunks();
    await fillFrom(reader, this.#target, this.plan, missing, {
      ...options,
      onWritten: (chunk) => this.#bits.add(chunk),
      onBytes: this.#meter("filling", this.#bytesOf(missing)),
    });
    await this.flush();
  }

  /** Makes zero extents, and don't-care extents unless they may be left, read as zeros. While chunks are written, or before, or after. */
  prepareZeroes(options: { signal?: AbortSignal } = {}): Promise<void> {
    this.#zeroing ??= zeroEmpties(this.#target, this.plan, this.#map, this.#bits, {
      ...options,
      leaveDontCare: this.#options.leaveDontCare ?? false,
      onProgress: (doneBytes, totalBytes) => this.#options.onProgress?.({ step: "zeroing", doneBytes, totalBytes }),
    }).finally(() => {
      this.#zeroing = undefined;
    });
    return this.#zeroing;
  }

  /**
   * Ends the deployment when all chunks are there: makes the zeros that are left, syncs, and gives the map's place back to the image.
   * DiskError `not-complete`, `write-failed`, `failed`. May be called again after a failure.
   */
  async finish(): Promise<void> {
    if (!this.isComplete) {
      const { missing } = this.stats();
      throw new DiskError("not-complete", `${this.#target.name}: ${missing.chunks} chunks are missing, expected none`);
    }
    await this.prepareZeroes();
    await this.flush();
    await this.#target.sync();
    await this.#map.setState(DeployState.complete);
    await this.#map.remove();
  }

  /**
   * Hashes every chunk that is held (every one when the deployment is finished or read-only), and looks at the zeros. Chunks that are damaged are not held any more (durably, before this resolves), so that
   * they are fetched again; extents that are not zeros are made so by the next `prepareZeroes` or `finish`.
   */
  async verify(options: { signal?: AbortSignal } = {}): Promise<DeployVerifyReport> {
    await this.flush();
    const report = await verifyDeployment(this.#target, this.plan, this.#map, this.#bits, {
      ...options,
      leaveDontCare: this.#options.leaveDontCare ?? false,
      everything: isWithoutMap(this.#options) || this.#map.state === DeployState.complete,
      onProgress: (doneBytes, totalBytes) => this.#options.onProgress?.({ step: "verifying", doneBytes, totalBytes }),
    });
    await this.flush();
    return report;
  }

  /**
   * Writes bytes of the image where they are damaged, makes them durable, and reads them again from the medium. Nothing else is touched. DiskError
   * `write-failed`, `damaged-chunk` for a disk that does not keep them.
   */
  async rewrite(parts: readonly { readonly offset: number; readonly bytes: Uint8Array }[]): Promise<void> {
    for (const { offset, bytes } of parts) await this.#target.write(offset, bytes);
    await this.#target.forgetCache();
    for (const { offset, bytes } of parts) {
      const again = new Uint8Array(bytes.length);
      await this.#target.read(offset, again);
      if (Buffer.compare(again, bytes) === 0) continue;
      const sector = Math.floor(offset / SECTOR_BYTES);
      const what = `${this.#target.name}: sector ${sector} (byte ${offset}) does not keep what is written there`;
      throw new DiskError("damaged-chunk", what, { place: { offset, sector, errno: "EIO" } });
    }
  }

  /** See DeploymentStats. */
  stats(): DeploymentStats {
    const { inPlace, moved, resumed, sample } = this.#found;
    const tally = (chunks: readonly number[]): ChunkTally => ({ chunks: chunks.length, bytes: this.#bytesOf(chunks) });
    return {
      inPlace: tally(inPlace),
      moved: tally(moved),
      resumed: tally(resumed),
      missing: tally(this.missingChunks()),
      total: tally([...this.plan.chunks.keys()]),
      sample,
      map: this.#map.area.kind,
    };
  }

  /** Remembers what was written, closes the target. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#zeroing?.catch(() => undefined);
      // A failure that `onFailure` and `flush` told already is not told by closing.
      if (!this.#bits.hasFailed) await this.flush();
    } finally {
      this.#bits.close();
      await this.#map.close();
      await this.#target.close();
    }
  }

  async #settle(previous: DeployPlan | undefined): Promise<void> {
    this.#found = await settle(this.#target, this.plan, this.#map, this.#bits, {
      previous,
      random: this.#options.random ?? Math.random,
      signal: this.#options.signal,
      onProgress: (step, doneBytes, totalBytes) => this.#options.onProgress?.({ step, doneBytes, totalBytes }),
    });
  }

  #bytesOf(chunks: readonly number[]): number {
    return chunks.reduce((sum, chunk) => sum + this.plan.chunk(chunk).length, 0);
  }

  #meter(step: DeploymentProgress["step"], totalBytes: number): (bytes: number) => void {
    let doneBytes = 0;
    return (bytes) => {
      doneBytes += bytes;
      this.#options.onProgress?.({ step, doneBytes, totalBytes });
    };
  }
}

function isWithoutMap({ readOnly, repairOnly }: DeploymentContent): boolean {
  return readOnly === true || repairOnly === true;
}
