/**
 * Why the TFTP server could not do what its owner asked.
 *
 * - `listenFailed`: it could not listen; the operator's matter. The cause is the system's error.
 * - `limitInvalid`: a configured limit is out of range; the operator's matter.
 * - `nameInvalid`: a requested file name is not acceptable; the client's matter.
 */
export type TftpErrorCode = "listenFailed" | "limitInvalid" | "nameInvalid";

/** The package's error; branch on `code`. */
export class TftpError extends Error {
  override readonly name = "TftpError";
  readonly code: TftpErrorCode;

  constructor(code: TftpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
