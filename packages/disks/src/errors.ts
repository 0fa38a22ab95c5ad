/** Why a disk operation failed. Callers branch on this, never on the message. */
export type DiskErrorCode =
  /** An offset or length outside the disk, or not a multiple of 512. */
  | "out-of-range"
  /** The disk was closed. */
  | "closed"
  /** An earlier sync failed, so what is durable is unknown; the disk refuses changes until it is opened again. */
  | "failed"
  /** The disk is read-only. */
  | "read-only"
  /** The overlay belongs to another image. */
  | "wrong-base"
  /** The have-map belongs to another manifest. */
  | "wrong-manifest"
  /** A chunk has another length than its manifest says, or the disk does not keep it as it was written (`place` says where). */
  | "damaged-chunk"
  /** The stored file was written by a newer version of the program. */
  | "unsupported-version"
  /** A stored map is damaged in a place that a crash cannot explain. */
  | "damaged-map"
  /** The disk is larger than a stored format can describe. */
  | "too-large"
  /** There is no such file. */
  | "not-found"
  /** The path is a directory, a socket or another thing without disk content. */
  | "not-a-disk"
  /** The file has no bytes. */
  | "empty"
  /** The file's size is not a multiple of 512. */
  | "not-whole-sectors"
  /** The file is an image of a known format that is not read here. */
  | "unsupported-format"
  /** The file was changed while it was read. */
  | "changed-while-read"
  /** The target of a deployment is smaller than its image. */
  | "too-small"
  /** The target is mounted, or another program fills it. */
  | "in-use"
  /** The disk did not take what was written; `place` says where, when that is known. */
  | "write-failed"
  /** A deployment was to be finished with chunks missing. */
  | "not-complete";

/** Where on a disk something failed. */
export interface DiskPlace {
  /** Bytes from the start of the disk. */
  readonly offset: number;
  /** The 512-byte sector at `offset`. */
  readonly sector: number;
  /** Name of the operating system's error: `EIO`, `ENOSPC`, … */
  readonly errno: string;
}

/** Every error that this package raises by itself; errors of the operating system pass through as they are. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: DiskErrorCode;
  /** Only with `write-failed` and `damaged-chunk`, and only when the place is known. */
  readonly place: DiskPlace | undefined;

  constructor(code: DiskErrorCode, message: string, options: ErrorOptions & { place?: DiskPlace } = {}) {
    super(message, options);
    this.code = code;
    this.place = options.place;
  }
}
