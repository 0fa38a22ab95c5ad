/**
 * - `usage`: the command line asks for something that cannot be meant.
 * - `surroundings`: this machine lacks something: a file, a program, a right. `cause` has more.
 * - `server-unreachable`: no answer; trying again later can help.
 * - `server-busy`: the server said so; trying again later can help.
 * - `wrong-server`: who answered is not whom we pinned. Never tried again by itself.
 * - `refused`: the server understood and said no.
 * - `bad-answer`: the server's answer has not the form that both agreed on.
 * - `disk-rule`: the rule has a fault, or fits no disk, or more than one.
 * - `preflight`: a check stopped the task; nothing was written.
 * - `signature`: the image's signature is missing or is not the server's.
 * - `partition-table`: the disk's own table cannot be trusted.
 * - `disk-write`, `disk-read`: the disk failed; `sector` says where, where it is known.
 * - `disk-gone`: the disk is not there any more.
 * - `program-failed`: a program of the system's ended badly; the message has its words.
 * - `damaged`: content differs from the image.
 * - `stopped`: the operator or the server stopped the task.
 */
export type AgentErrorCode =
  | "usage"
  | "surroundings"
  | "server-unreachable"
  | "server-busy"
  | "wrong-server"
  | "refused"
  | "bad-answer"
  | "disk-rule"
  | "preflight"
  | "signature"
  | "partition-table"
  | "disk-write"
  | "disk-read"
  | "disk-gone"
  | "program-failed"
  | "damaged"
  | "stopped";

/** What an `AgentError` is about. */
export interface AgentErrorDetails {
  readonly cause?: unknown;
  /** Sector of 512 bytes on the target disk. */
  readonly sector?: number | undefined;
}

/** The one error class of the agent. Branch on `code`. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: AgentErrorCode;
  readonly sector: number | undefined;

  constructor(code: AgentErrorCode, message: string, details: AgentErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.sector = details.sector;
  }
}

/** The sentence of an error, with those of its causes. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? messageOf(error.cause) : undefined;
  return cause === undefined || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/** The code that an error of any package carries, for reports; `internal` where there is none: the fault is ours. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === "AbortError") return "stopped";
  if (error instanceof Error && "code" in error && typeof error.code === "string" && error.name !== "TypeError")
    return error.code;
  return "internal";
}
