import type { ApiErrorBody, ApiErrorCode } from "@ingot/api";

/** Why a request did not succeed: the API's own codes, and `unreachable` when no answer of the API came at all. */
export type ApiFailureCode = ApiErrorCode | "unreachable";

/** A request that was refused or not answered. `message` is the server's own sentence. */
export class ApiFailure extends Error {
  override readonly name: string = "ApiFailure";
  readonly code: ApiFailureCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ApiFailureCode, message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.details = details;
  }
}

/** The failure that an answer with a status of 400 and above stands for, whatever its body is. */
export async function readFailure(response: Response): Promise<ApiFailure> {
  const text = await response.text();
  const body = parseErrorBody(text);
  if (body !== undefined) return new ApiFailure(body.error.code, body.error.message, body.error.details);
  return new ApiFailure(
    "unreachable",
    `The server answered ${response.status} ${response.statusText} without an explanation. Something between this page and Ingot may have answered.`,
  );
}

function parseErrorBody(text: string): ApiErrorBody | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const error = (body as Partial<ApiErrorBody> | null)?.error;
  return typeof error?.code === "string" && typeof error.message === "string" ? { error } : undefined;
}
