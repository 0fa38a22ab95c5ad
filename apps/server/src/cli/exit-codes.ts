import { ServerError } from "../errors.ts";
import { ApiRequestError } from "./api-client.ts";
import { JobFailedError } from "./job-watch.ts";

/** What a command ends with; each command's help repeats those that it can give. */
export const ExitCode = {
  ok: 0,
  /** Ours: a fault in Ingot; the message has a stack. */
  failure: 1,
  /** An unknown option, a missing argument, or options that contradict each other. */
  usage: 2,
  /** Something around us: data directory, port, interface, user, a file that cannot be read. */
  surroundings: 3,
  /** The request was understood and refused: not found, in use, a name that is taken. */
  refused: 4,
  /** Stored data is missing or damaged. */
  damaged: 5,
  /** A job is over, and not every machine is done. */
  jobFailed: 6,
  interrupted: 130,
} as const;

/** The help text that ends every command's page. */
export const EXIT_CODE_HELP = `
Exit codes: 0 done, 1 a fault in ingot, 2 wrong usage, 3 surroundings (data directory, port, file, interface),
4 refused (not found, in use, taken), 5 stored data damaged, 6 a watched job ended without every machine being done, 130 interrupted.`;

/** What the chunk store and the disks say of stored content that cannot be trusted or is gone. */
const DAMAGE_CODES: ReadonlySet<string> = new Set(["damaged", "damaged-map", "damaged-chunk", "missing"]);

/** The exit code for an error, and whether it is ours (then its stack is worth showing). */
export function exitCodeOf(error: unknown): { code: number; ours: boolean } {
  if (error instanceof ServerError) {
    const usage = error.code === "usage" || error.code === "config-invalid";
    return { code: usage ? ExitCode.usage : ExitCode.surroundings, ours: false };
  }
  if (error instanceof ApiRequestError) {
    if (error.code === "damaged") return { code: ExitCode.damaged, ours: false };
    if (error.code === "internal") return { code: ExitCode.failure, ours: false };
    return { code: error.code === "outOfSpace" ? ExitCode.surroundings : ExitCode.refused, ours: false };
  }
  if (error instanceof JobFailedError) return { code: ExitCode.jobFailed, ours: false };
  if (error instanceof Error && error.name === "AbortError") return { code: ExitCode.interrupted, ours: false };
  if (error instanceof Error && "code" in error && DAMAGE_CODES.has(String(error.code)))
    return { code: ExitCode.damaged, ours: false };
  // The packages' own errors carry a code of a closed union and a message for people.
  if (error instanceof Error && "code" in error && error.name !== "TypeError")
    return { code: ExitCode.surroundings, ours: false };
  return { code: ExitCode.failure, ours: true };
}
