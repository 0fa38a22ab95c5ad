import { API_ERROR_STATUS, type ApiError, type ApiErrorCode, UploadError } from "@ingot/api";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ControlError } from "./errors.ts";

/** An error as the API reports it. `unexpected`: ours, for the log. */
export interface ReportedError {
  readonly status: ContentfulStatusCode;
  readonly error: ApiError;
  readonly unexpected: boolean;
}

/** SQLite's code for a disk that is full. */
const sqliteFull = 13;

/** What an error means for the one who asked. Errors that we did not foresee are `internal`, and their text stays in the log. */
export function reportError(error: unknown): ReportedError {
  if (error instanceof ControlError) {
    // These two answer iSCSI logins; through the API they are a state that forbids what was asked.
    const code = error.code === "staleBoot" || error.code === "unknownBoot" ? "conflict" : error.code;
    return reported(code, error.message, error.details);
  }
  if (error instanceof UploadError)
    return reported("invalidUpload", error.message, { code: error.code, position: error.position });
  if (error instanceof HTTPException) return reported(codeOfStatus(error.status), error.message);
  if (isFullDisk(error)) return reported("outOfSpace", "the server's disk is full; nothing was changed");
  return { ...reported("internal", "the server failed; its log says more"), unexpected: true };
}

/** Builds the report of an error that has no class of its own. */
export function reported(
  code: ApiErrorCode,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): ReportedError {
  return {
    status: API_ERROR_STATUS[code],
    error: { code, message, ...(details !== undefined && { details }) },
    unexpected: false,
  };
}

/** What the router itself refuses: bodies that are no JSON, or of another media type. */
function codeOfStatus(status: number): ApiErrorCode {
  if (status === API_ERROR_STATUS.unsupportedMediaType) return "unsupportedMediaType";
  return status === API_ERROR_STATUS.tooLarge ? "tooLarge" : "invalidRequest";
}

function isFullDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown };
  if (code === "ENOSPC" || code === "EDQUOT" || errcode === sqliteFull) return true;
  return error.cause !== undefined && isFullDisk(error.cause);
}
