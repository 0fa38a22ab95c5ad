/** Why bytes or text could not be decoded. */
export type DecodeErrorCode = "truncated" | "trailing" | "invalid";

/** Where a decoder stopped, and what it would have needed. */
export interface DecodeErrorDetails {
  /** What was being decoded, e.g. `"DHCP packet"`. */
  readonly what: string;
  /** Byte (or character) offset of the failure. */
  readonly offset: number;
  /** Bytes wanted, when the input was too short. */
  readonly wanted?: number;
  /** Bytes that were there. */
  readonly available?: number;
}

/**
 * The peer's fault: bytes or text that do not follow their specification.
 * The caller answers by the protocol's rules, counts it, and goes on.
 */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly code: DecodeErrorCode;
  readonly what: string;
  readonly offset: number;
  readonly wanted: number | undefined;
  readonly available: number | undefined;

  constructor(code: DecodeErrorCode, message: string, details: DecodeErrorDetails) {
    super(`${details.what}: ${message} (at offset ${details.offset})`);
    this.code = code;
    this.what = details.what;
    this.offset = details.offset;
    this.wanted = details.wanted;
    this.available = details.available;
  }
}
