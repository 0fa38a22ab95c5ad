import { execFile } from "node:child_process";
import { AgentError } from "../errors.ts";
import { MAX_PROGRAM_OUTPUT_BYTES } from "../limits.ts";

/** How a program of the system's ended. */
interface ProgramResult {
  /** The exit status; 128 + signal when it was killed. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program is started with. */
export interface ProgramOptions {
  /** Its standard input. */
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Starts other people's programs: never through a shell, arguments are passed as they are. */
export interface Programs {
  /** `undefined` where there is no such program. Any exit status is a result. */
  run(program: string, args: readonly string[], options?: ProgramOptions): Promise<ProgramResult | undefined>;
}

/** The programs of this machine. */
export const systemPrograms: Programs = {
  run(program, args, options = {}) {
    return new Promise((resolve, reject) => {
      const child = execFile(
        program,
        [...args],
        {
          encoding: "utf8",
          maxBuffer: MAX_PROGRAM_OUTPUT_BYTES,
          env: { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin:/usr/bin:/bin` },
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        },
        (error, stdout, stderr) => {
          if (error === null) resolve({ status: 0, stdout, stderr });
          else if (typeof error.code === "number") resolve({ status: error.code, stdout, stderr });
          else if ((error as NodeJS.ErrnoException).code === "ENOENT") resolve(undefined);
          else if (error.name === "AbortError") reject(error);
          else if (error.signal !== undefined && error.signal !== null) resolve({ status: 128, stdout, stderr });
          else reject(new AgentError("surroundings", `cannot run ${program}`, { cause: error }));
        },
      );
      // A program that does not read its input to the end is not a failure; its exit status tells.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(options.input ?? "");
    });
  },
};

/**
 * Runs a program that has to succeed. Errors: `surroundings` where it is missing, `program-failed` with the
 * last lines of what it said.
 */
export async function runOrThrow(
  programs: Programs,
  program: string,
  args: readonly string[],
  options: ProgramOptions & { readonly okStatus?: readonly number[] } = {},
): Promise<string> {
  const result = await programs.run(program, args, options);
  if (result === undefined) throw new AgentError("surroundings", `this system has no program ${program}`);
  if (!(options.okStatus ?? [0]).includes(result.status)) {
    const said = lastLines(`${result.stdout}\n${result.stderr}`);
    throw new AgentError("program-failed", `${program} ${args.join(" ")} ended with ${result.status}: ${said}`);
  }
  return result.stdout;
}

function lastLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(-4)
    .join(" | ");
}
