/**
 * - `wrong-bytes`: a peer sent what is not the chunk it should be, or what is no chunk stream. The peer's fault, beyond doubt.
 * - `stalled`: a peer sent nothing for too long.
 * - `refused`: a peer answered, but with no piece: too busy, does not have it, does not know us.
 * - `unreachable`: no connection, or one that broke.
 * - `write-failed`: the target disk refused bytes; `lba` and `errno` say where and how.
 * - `read-failed`: the source refused bytes that it should have.
 * - `bad-ticket`: a ticket that was not signed by the server, is for another swarm or key, or has expired.
 * - `aborted`: the caller's signal.
 * - `closed`: the engine was closed.
 */
export type SwarmErrorCode =
  | "wrong-bytes"
  | "stalled"
  | "refused"
  | "unreachable"
  | "write-failed"
  | "read-failed"
  | "bad-ticket"
  | "aborted"
  | "closed";

/** What a `SwarmError` is about. */
export interface SwarmErrorDetails {
  /** Piece of the image. */
  readonly piece?: number | undefined;
  /** Chunk number of the image. */
  readonly chunk?: number | undefined;
  /** Sector (512 bytes) of the target that could not be written. */
  readonly lba?: number | undefined;
  /** The system's name of the failure: `EIO`, `ENOSPC`. */
  readonly errno?: string | undefined;
  /** HTTP status that the peer answered. */
  readonly status?: number | undefined;
  /** Chunks that were verified and written before the failure. */
  readonly written?: readonly number[] | undefined;
  /** Bytes of the piece's chunk stream that came before the failure, whether they were of use or not. */
  readonly wireBytes?: number | undefined;
  readonly cause?: unknown;
}

/** The one error class of this package. Branch on `code`. */
export class SwarmError extends Error {
  override readonly name = "SwarmError";
  readonly code: SwarmErrorCode;
  readonly piece: number | undefined;
  readonly chunk: number | undefined;
  readonly lba: number | undefined;
  readonly errno: string | undefined;
  readonly status: number | undefined;
  readonly written: readonly number[];
  readonly wireBytes: number;

  constructor(code: SwarmErrorCode, message: string, details: SwarmErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.piece = details.piece;
    this.chunk = details.chunk;
    this.lba = details.lba;
    this.errno = details.errno;
    this.status = details.status;
    this.written = details.written ?? [];
    this.wireBytes = details.wireBytes ?? 0;
  }
}
