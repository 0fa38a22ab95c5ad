/**
 * - `missing`: the store does not have that chunk, manifest or pack.
 * - `damaged`: it has, but the bytes are not what their digest says. Reading again does not help.
 * - `no-space`: the disk is full; the store is as before. Helps: free space, try again.
 * - `aborted`: the caller's signal; the store is as before.
 * - `invalid-source`: what was to be imported breaks the rules (order, size, alignment).
 * - `too-large`: a limit of `limits.ts` was passed.
 * - `unsupported`: a file of a format version this program does not know.
 * - `invalid-key`: a file or text that should be a signing key is none, or others may read it.
 * - `closed`: the store was closed.
 * - `io`: any other failure of the file system or of the network; `cause` holds it.
 */
export type ChunkErrorCode =
  | "missing"
  | "damaged"
  | "no-space"
  | "aborted"
  | "invalid-source"
  | "too-large"
  | "unsupported"
  | "invalid-key"
  | "closed"
  | "io";

/** What a `ChunkError` is about. */
export interface ChunkErrorDetails {
  /** Digest of the chunk. */
  readonly chunk?: string;
  /** Digest of the pack. */
  readonly pack?: string;
  /** Digest of the manifest. */
  readonly manifest?: string;
  /** File concerned. */
  readonly path?: string;
  readonly cause?: unknown;
}

/** The one error class of this package. Branch on `code`. */
export class ChunkError extends Error {
  override readonly name = "ChunkError";
  readonly code: ChunkErrorCode;
  readonly chunk: string | undefined;
  readonly pack: string | undefined;
  readonly manifest: string | undefined;
  readonly path: string | undefined;

  constructor(code: ChunkErrorCode, message: string, details: ChunkErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.chunk = details.chunk;
    this.pack = details.pack;
    this.manifest = details.manifest;
    this.path = details.path;
  }
}

/** Throws `ChunkError` `aborted`, with the signal's reason as cause, when the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted === true) throw new ChunkError("aborted", `${what} was aborted`, { cause: signal.reason });
}
