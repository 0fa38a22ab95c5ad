import { z } from "zod";

/** Every error code of the API with its HTTP status. The code is what programs branch on; the message is for people. */
export const API_ERROR_STATUS = {
  /** The request does not have the form that the API documents; `details.issues` names each place. */
  invalidRequest: 400,
  /** The uploaded image breaks the upload format, or ended early. */
  invalidUpload: 400,
  /** Host or Origin are not those of this server: the request comes from a foreign web page. */
  forbidden: 403,
  /** The machine is not in the inventory and registration is closed. */
  registrationClosed: 403,
  notFound: 404,
  /** A name or a MAC address belongs to something else already; `details` names it. */
  conflict: 409,
  /** It is needed by something else; `details.usedBy` names who. */
  inUse: 409,
  /** The machine has no disk to show: its plan is not diskless, or no image is set. */
  noDisk: 409,
  tooLarge: 413,
  unsupportedMediaType: 415,
  /** Ours. The server's log has more. */
  internal: 500,
  /** Stored data is missing or is not what its digest says. */
  damaged: 500,
  /** Right now this cannot be done; trying again later can help. */
  busy: 503,
  /** The server's disk is full; nothing was changed. */
  outOfSpace: 507,
} as const;

/** One of the codes in {@link API_ERROR_STATUS}. */
export type ApiErrorCode = keyof typeof API_ERROR_STATUS;

/** All error codes. */
export const API_ERROR_CODES: readonly ApiErrorCode[] = Object.keys(API_ERROR_STATUS) as ApiErrorCode[];

/** Why a request was refused. */
export interface ApiError {
  readonly code: ApiErrorCode;
  /** One sentence: what, where, got, expected. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The body of every answer with a status of 400 and above. */
export interface ApiErrorBody {
  readonly error: ApiError;
}

/** Schema of {@link ApiError}. */
export const apiErrorSchema: z.ZodType<ApiError> = z
  .object({
    code: z.enum(API_ERROR_CODES),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "Error" });

/** Schema of {@link ApiErrorBody}. */
export const apiErrorBodySchema: z.ZodType<ApiErrorBody> = z
  .object({ error: apiErrorSchema })
  .meta({ id: "ErrorBody" });
