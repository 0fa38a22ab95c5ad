/** What is wrong with an upload. */
export type UploadErrorCode =
  | "badMagic"
  | "unsupportedVersion"
  | "badSize"
  | "badRecord"
  | "countMismatch"
  | "truncated"
  | "trailing";

/** A byte stream that is not a whole, well-formed sparse upload. Sending the same bytes again cannot help. */
export class UploadError extends Error {
  override readonly name: string = "UploadError";
  readonly code: UploadErrorCode;
  /** Position in the stream, in bytes. */
  readonly position: number;

  constructor(code: UploadErrorCode, position: number, message: string) {
    super(`sparse upload, byte ${position}: ${message}`);
    this.code = code;
    this.position = position;
  }
}
