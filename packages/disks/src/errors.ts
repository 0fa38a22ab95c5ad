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
  /** A chunk has another length than its manifest says. */
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
  | "changed-while-read";

/** Every error that this package raises by itself; errors of the operating system pass through as they are. */
export class DiskError extends Error {
  override readonly name = "DiskError";
  readonly code: DiskErrorCode;

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
