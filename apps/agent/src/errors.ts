import type { TaskError, TaskErrorCode } from "@ingot/api";

/**
 * Those of a task that failed (see `TASK_ERRORS` in the API), and:
 * - `usage`: the command line asks for something that cannot be meant.
 * - `surroundings`: this machine lacks something: a file, a program, a right. `cause` has more.
 * - `server-unreachable`: no answer, or one that says "later"; trying again can help.
 * - `wrong-server`: who answered is not whom we pinned. Never tried again by itself.
 * - `refused`: the server understood and said no.
 * - `not-found`: the server has no such thing.
 * - `bad-answer`: the server's answer has not the form that both agreed on.
 * - `program-failed`: a program of the system's ended badly; the message has its words.
 * - `stopped`: the operator or the server stopped the task; what is verified stays.
 */
export type AgentErrorCode =
  | TaskErrorCode
  | "usage"
  | "surroundings"
  | "server-unreachable"
  | "wrong-server"
  | "refused"
  | "not-found"
  | "bad-answer"
  | "program-failed"
  | "stopped";

/** What an `AgentError` is about. */
export interface AgentErrorDetails {
  readonly cause?: unknown;
  /** Sector of 512 bytes on the target disk. */
  readonly sector?: number | undefined;
  /** When the server wants to be asked again. */
  readonly retryAfterMs?: number | undefined;
}

/** The one error class of the agent. Branch on `code`. */
export class AgentError extends Error {
  override readonly name = "AgentError";
  readonly code: AgentErrorCode;
  readonly sector: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: AgentErrorCode, message: string, details: AgentErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.sector = details.sector;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** The sentence of an error, with those of its causes. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? messageOf(error.cause) : undefined;
  return cause === undefined || error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

/** How the codes of other packages, and of the operating system, read in a task's report. */
const TASK_CODES: Readonly<Record<string, TaskErrorCode>> = {
  // This program's own.
  surroundings: "unsupported",
  "server-unreachable": "network",
  "wrong-server": "network",
  "bad-answer": "network",
  refused: "network",
  "not-found": "image-missing",
  stopped: "cancelled",
  // The swarm's.
  "write-failed": "disk-write",
  "read-failed": "disk-read",
  stalled: "no-source",
  unreachable: "no-source",
  "wrong-bytes": "damaged",
  // The disks' and the chunks'.
  "too-small": "disk-too-small",
  "in-use": "disk-in-use",
  missing: "image-missing",
  "damaged-chunk": "damaged",
  "not-complete": "no-source",
  // Those of the operating system.
  EIO: "disk-write",
  ENXIO: "disk-gone",
  ENODEV: "disk-gone",
  ENOSPC: "out-of-space",
  ENOMEM: "out-of-memory",
  ERR_OUT_OF_MEMORY: "out-of-memory",
  ECONNREFUSED: "network",
  ECONNRESET: "network",
};

/** What a report says of an error. `codes`: all that a report may carry. */
export function taskErrorOf(error: unknown, codes: readonly TaskErrorCode[], smart?: string): TaskError {
  const code = codeOf(error);
  const known = codes.find((candidate) => candidate === code) ?? TASK_CODES[code] ?? "internal";
  const sector = sectorOf(error);
  return {
    code: known,
    message: messageOf(error).slice(0, 900),
    ...(sector === undefined ? {} : { sector }),
    ...(smart === undefined ? {} : { smart }),
  };
}

/** The code that an error of any package carries; `internal` where there is none: the fault is ours. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && error.name === "AbortError") return "stopped";
  if (error instanceof Error && "code" in error && typeof error.code === "string" && error.name !== "TypeError")
    return error.code;
  return "internal";
}

function sectorOf(error: unknown): number | undefined {
  if (error instanceof AgentError) return error.sector;
  if (!(error instanceof Error)) return undefined;
  // The swarm's errors say `lba`, those of the disks have a place.
  if ("lba" in error && typeof error.lba === "number") return error.lba;
  const place: unknown = "place" in error ? error.place : undefined;
  if (typeof place === "object" && place !== null && "sector" in place && typeof place.sector === "number")
    return place.sector;
  return undefined;
}
