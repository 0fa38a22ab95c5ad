/** What can go wrong between the operator and the server; every code has one exit code in `exit-codes.ts`. */
export type ServerErrorCode =
  | "usage"
  | "config-invalid"
  | "data-directory"
  | "data-directory-in-use"
  | "interface"
  | "port-in-use"
  | "port-forbidden"
  | "user"
  | "iscsi-worker"
  | "server-unreachable"
  | "api";

/**
 * The operator's fault or surroundings: shown as one line, no stack. The message says what, where, got, expected,
 * and where there is one, what to do.
 */
export class ServerError extends Error {
  override readonly name = "ServerError";
  readonly code: ServerErrorCode;

  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an error says; of anything else that was thrown, its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
