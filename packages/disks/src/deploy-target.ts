import type { ChunkPlace } from "./deploy-plan.ts";
import type { DurableFile } from "./volume.ts";

/** What a place of a chunk holds. */
export const PlaceState = {
  /** Other bytes. */
  different: 0,
  /** The chunk. */
  right: 1,
  /** The disk does not give its bytes. */
  unreadable: 2,
} as const;
/** One of the values of `PlaceState`. */
export type PlaceState = (typeof PlaceState)[keyof typeof PlaceState];

/** Bytes of the target. */
export interface DiskRange {
  readonly offset: number;
  readonly length: number;
}

/** The disk that a deployment fills. Ranges are multiples of 512 bytes. */
export interface DeployTarget {
  /** For messages. */
  readonly name: string;
  /** At least the image's size. */
  readonly sizeBytes: number;
  /** Whether the map may be in a file beside it. */
  readonly hasBeside: boolean;
  /** Fills `into`, or throws. */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** Not durable before `sync`. DiskError `write-failed`. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /**
   * After it resolves, everything that was written before the call (by others, too) survives a power cut. DiskError `write-failed`, with the
   * place when it is in one of the `written` places: a sync does not tell by itself.
   */
  sync(written?: readonly ChunkPlace[]): Promise<void>;
  /** Reads that begin afterwards are answered by the medium, and not by what the operating system remembers of it. */
  forgetCache(): Promise<void>;
  /** Makes the range read as zeros; what is zeros already is not written where that can be told. DiskError `write-failed`. */
  zero(offset: number, length: number): Promise<void>;
  /** Where in the range something else than zeros stands, or cannot be read: ascending, in blocks of 4 KiB of the target. */
  findNonZero(offset: number, length: number): Promise<readonly DiskRange[]>;
  /** True when the range is known to hold no data without reading it. */
  isHole(offset: number, length: number): boolean;
  /** One `PlaceState` for each place. */
  check(places: readonly ChunkPlace[]): Promise<Uint8Array>;
  /** How many calls of `check` are worth having under way. */
  readonly checkConcurrency: number;
  /** The file beside it; undefined when it does not exist and is not to be created. */
  openBeside(how: "create" | "existing"): Promise<DurableFile | undefined>;
  /** Removes the file beside it, durably. */
  removeBeside(): Promise<void>;
  /** Makes the name of the file beside it durable. */
  syncBeside(): Promise<void>;
  /** Calls back once after `delayMs`, unless the returned function was called before. */
  wakeAfter(delayMs: number, callback: () => void): () => void;
  /** May be called twice. */
  close(): Promise<void>;
}
