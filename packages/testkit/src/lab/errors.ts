/** Why a lab operation failed; callers branch on this, never on the message. */
export type LabErrorCode =
  /** Namespaces and taps need root. */
  | "notRoot"
  /** A program is not installed; the message names the Debian package. */
  | "missingTool"
  /** A program ended with a non-zero status. */
  | "commandFailed"
  /** Another live process holds the same prefix. */
  | "prefixInUse"
  /** What was waited for did not appear in time. */
  | "timeout"
  /** The process or machine ended before what was waited for appeared. */
  | "ended"
  /** The machine's monitor refused a command. */
  | "monitor";

/** Any failure of the lab: namespaces, processes in them, virtual machines. */
export class LabError extends Error {
  override readonly name = "LabError";
  readonly code: LabErrorCode;

  constructor(code: LabErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
