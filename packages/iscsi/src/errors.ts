/** Why this package gave up on something; callers branch on it, never on the message. */
export type IscsiErrorCode =
  /** A PDU does not follow RFC 7143: wrong length, flag, order or field. */
  | "malformedPdu"
  /** A length or count is above one of `limits.ts`. */
  | "limitExceeded"
  /** A header or data digest does not match its bytes. */
  | "digestMismatch"
  /** A connection was not logged in within the time there is for it. */
  | "loginTimeout"
  /** Login text does not follow RFC 7143 §6. */
  | "malformedText"
  /** The listening socket could not be opened. */
  | "listenFailed";

/**
 * What the peer (or, for `listenFailed`, the operator) did wrong. The connection it belongs to is answered by the
 * protocol's rules and closed where they say so; no other connection notices.
 */
export class IscsiError extends Error {
  override readonly name = "IscsiError";
  readonly code: IscsiErrorCode;

  constructor(code: IscsiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
