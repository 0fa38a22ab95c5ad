import type { ApiErrorCode } from "@ingot/api";

/** Why `control` refuses: every code of the API that is decided here, and two that only an iSCSI login meets. */
export type ControlErrorCode =
  | Extract<
      ApiErrorCode,
      | "invalidRequest"
      | "forbidden"
      | "registrationClosed"
      | "notFound"
      | "conflict"
      | "inUse"
      | "noDisk"
      | "damaged"
      | "busy"
      | "outOfSpace"
    >
  /** A login for a boot that a later one has replaced. */
  | "staleBoot"
  /** A login for a boot that was never begun. */
  | "unknownBoot";

/** The asker's fault or the state of things; never a fault of ours. */
export class ControlError extends Error {
  override readonly name: string = "ControlError";
  readonly code: ControlErrorCode;
  /** Facts for programs, for example `usedBy`. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    code: ControlErrorCode,
    message: string,
    options: { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details;
  }
}
