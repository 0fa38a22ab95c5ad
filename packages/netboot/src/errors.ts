/** Why a boot document could not be written. */
export type NetbootErrorCode = "unsafe-value" | "invalid-port";

/** A value that must not stand in a script or URL. The operator's fault, or ours; never the network's, whose values are cleaned instead. */
export class NetbootError extends Error {
  override readonly name = "NetbootError";
  readonly code: NetbootErrorCode;

  constructor(code: NetbootErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
