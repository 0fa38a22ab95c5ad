import type { DeployMap } from "./deploy-map.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import type { DeployTarget } from "./deploy-target.ts";
import { DiskError } from "./errors.ts";
import { GroupCommit } from "./group-commit.ts";
import { HAVE_COMMIT_BYTES, HAVE_COMMIT_MS } from "./limits.ts";

/**
 * What stands on the target, and the way from there to durable bits: a batch of chunks, a sync, their bits, a sync. The one
 * writer of a `DeployMap`'s bits.
 */
export class DeployBits {
  /** One bit a chunk number (bit i mod 8 of byte i div 8): verified and written, not necessarily durable yet. */
  readonly held: Uint8Array;
  readonly #target: DeployTarget;
  readonly #plan: DeployPlan;
  readonly #map: DeployMap;
  readonly #onFailure: ((error: DiskError) => void) | undefined;
  readonly #commits = new GroupCommit(() => this.#commit());
  #heldCount = 0;
  #written: number[] = [];
  #writtenBytes = 0;
  #emptied: number[] = [];
  #cleared: number[] = [];
  #clearedEmpties: number[] = [];
  #cancelTimer: (() => void) | undefined;
  #failure: DiskError | undefined;

  constructor(target: DeployTarget, plan: DeployPlan, map: DeployMap, onFailure?: (error: DiskError) => void) {
    this.#target = target;
    this.#plan = plan;
    this.#map = map;
    this.#onFailure = onFailure;
    this.held = new Uint8Array(Math.ceil(plan.chunks.length / 8));
  }

  /** How many chunks are held. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** Whether a commit failed: nothing is remembered any more. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Whether the chunk is on the target. */
  has(chunk: number): boolean {
    return ((this.held[chunk >> 3] ?? 0) & (1 << (chunk & 7))) !== 0;
  }

  /** The chunk's bit is durable already. */
  believe(chunk: number): void {
    this.#hold(chunk);
  }

  /** The chunk stands verified in all its places; its bit becomes durable by itself, after 64 MiB or a second. */
  add(chunk: number): void {
    const { length, offsets } = this.#plan.chunk(chunk);
    if (!this.#hold(chunk)) return;
    this.#written.push(chunk);
    this.#writtenBytes += length * offsets.length;
    if (this.#writtenBytes >= HAVE_COMMIT_BYTES) {
      this.#writtenBytes = 0;
      // Its failure stays in `#failure`, for everybody who calls `flush`.
      this.flush().catch(() => undefined);
    } else {
      this.#cancelTimer ??= this.#target.wakeAfter(HAVE_COMMIT_MS, () => {
        this.#cancelTimer = undefined;
        this.flush().catch(() => undefined);
      });
    }
  }

  /** The chunk is damaged: not held any more, durably so after `flush`, and only then may it be written again. */
  remove(chunk: number): void {
    if (this.has(chunk)) {
      this.held[chunk >> 3] = (this.held[chunk >> 3] ?? 0) & ~(1 << (chunk & 7));
      this.#heldCount -= 1;
    }
    this.#cleared.push(chunk);
  }

  /** An empty extent is as it should be (its bit is set by the next `flush`), or it is not. */
  noteEmpty(empty: number, isRight: boolean): void {
    (isRight ? this.#emptied : this.#clearedEmpties).push(empty);
  }

  /** Makes everything so far durable. DiskError `write-failed`, `failed`. */
  flush(): Promise<void> {
    return this.#commits.run();
  }

  /** Ends the timer. */
  close(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #hold(chunk: number): boolean {
    if (this.has(chunk)) return false;
    this.held[chunk >> 3] = (this.held[chunk >> 3] ?? 0) | (1 << (chunk & 7));
    this.#heldCount += 1;
    return true;
  }

  async #commit(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.close();
    const written = this.#written;
    const emptied = this.#emptied;
    const cleared = this.#cleared;
    const clearedEmpties = this.#clearedEmpties;
    this.#written = [];
    this.#writtenBytes = 0;
    this.#emptied = [];
    this.#cleared = [];
    this.#clearedEmpties = [];
    if (written.length + emptied.length + cleared.length + clearedEmpties.length === 0) return;
    try {
      if (written.length + emptied.length > 0) {
        await this.#target.sync(written.flatMap((chunk) => this.#plan.placesOf(chunk)));
      }
      for (const empty of clearedEmpties) this.#map.setEmpty(empty, false);
      for (const empty of emptied) this.#map.setEmpty(empty, true);
      for (const chunk of cleared) if (!this.has(chunk)) this.#map.setChunk(chunk, false);
      // What was found damaged meanwhile is not held, and its bit is cleared by the commit after this one.
      for (const chunk of written) if (this.has(chunk)) this.#map.setChunk(chunk, true);
      await this.#map.save();
    } catch (cause) {
      this.#failure = asFailure(this.#target.name, cause);
      this.#onFailure?.(this.#failure);
      throw this.#failure;
    }
  }
}

function asFailure(name: string, cause: unknown): DiskError {
  if (cause instanceof DiskError) return cause;
  return new DiskError("failed", `${name}: a sync failed; what is durable is unknown until it is opened again`, {
    cause,
  });
}
