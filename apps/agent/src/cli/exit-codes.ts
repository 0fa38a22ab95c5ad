import { AgentError, codeOf } from "../errors.ts";

/** What a command ends with; the same numbers as the server's command line. */
export const ExitCode = {
  ok: 0,
  /** Ours: a fault in Ingot; the message has a stack. */
  failure: 1,
  /** An unknown option, a missing argument, or options that contradict each other. */
  usage: 2,
  /** Something around us: file, disk, network, a missing program. */
  surroundings: 3,
  /** Understood and refused: not enrolled, not found, a check that failed. */
  refused: 4,
  /** Content missing or damaged. */
  damaged: 5,
  interrupted: 130,
} as const;

/** The help text that ends every command's page. */
export const EXIT_CODE_HELP = `
Exit codes: 0 done, 1 a fault in ingot, 2 wrong usage, 3 surroundings (file, disk, network), 4 refused (not enrolled,
not found, a check that failed), 5 content missing or damaged, 130 interrupted.`;

const REFUSED: ReadonlySet<string> = new Set([
  "refused",
  "not-found",
  "wrong-server",
  "image-missing",
  "signature-missing",
  "signature-wrong",
  "disk-not-found",
  "disk-ambiguous",
  "disk-too-small",
  "disk-failing",
  "disk-in-use",
  "sector-size",
  "firmware-mode",
  "battery-low",
  "bitlocker",
  "raid-member",
  "identity-clash",
  // Of the disks' package.
  "too-small",
  "in-use",
]);
const DAMAGED: ReadonlySet<string> = new Set(["damaged", "missing", "damaged-chunk", "damaged-map", "verification"]);

/** The exit code for an error, and whether it is ours (then its stack is worth showing). */
export function exitCodeOf(error: unknown): { code: number; ours: boolean } {
  const code = codeOf(error);
  if (code === "stopped" || code === "cancelled") return { code: ExitCode.interrupted, ours: false };
  if (code === "internal") return { code: ExitCode.failure, ours: true };
  if (error instanceof AgentError && error.code === "usage") return { code: ExitCode.usage, ours: false };
  if (REFUSED.has(code)) return { code: ExitCode.refused, ours: false };
  if (DAMAGED.has(code)) return { code: ExitCode.damaged, ours: false };
  return { code: ExitCode.surroundings, ours: false };
}
