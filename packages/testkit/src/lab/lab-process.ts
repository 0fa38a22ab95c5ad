import { spawn, type ChildProcess } from "node:child_process";
import { LabError } from "./errors.ts";
import { signalTree } from "./process-tree.ts";
import { debianPackageOf, findTool } from "./tools.ts";
import { Transcript, type Match, type WaitOptions } from "./transcript.ts";

/** How a process ended: its status, or the signal that ended it. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a finished command printed. */
export interface CommandResult extends ProcessEnd {
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of a started process. */
export interface ProcessOptions {
  readonly cwd?: string;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to standard input, which is then closed; without it standard input is empty. */
  readonly input?: string | Uint8Array;
  /** Called with every whole line of either stream as it comes. */
  readonly onLine?: (line: string) => void;
}

/** Options of a command that is run to its end. */
export interface RunOptions extends ProcessOptions {
  /** Resolve with any status instead of throwing "commandFailed". */
  readonly allowFailure?: boolean;
  readonly signal?: AbortSignal;
  /** How long an aborted command may take to clean up before it is killed; default 3,000 ms. */
  readonly graceMs?: number;
}

/** A running program of the lab, with what it printed. */
export class LabProcess {
  readonly name: string;
  readonly child: ChildProcess;
  /** Standard output and error together, in order of arrival. */
  readonly output: Transcript;
  /** Resolves when the process has ended and all its output was read; rejects only when it could not be started. */
  readonly ended: Promise<CommandResult>;
  #running = true;

  constructor(program: string, args: readonly string[], options: ProcessOptions = {}) {
    this.name = program;
    this.output = new Transcript(program);
    this.child = spawn(findTool(program) ?? program, args, {
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.ended = this.#collect(options.onLine);
    this.ended.catch(() => undefined);
    this.child.stdin?.on("error", () => undefined);
    this.child.stdin?.end(options.input);
  }

  /** False once the process has ended. */
  get running(): boolean {
    return this.#running;
  }

  /** Waits for text in the output; see `Transcript.waitFor`. */
  waitForOutput(pattern: string | RegExp, options?: WaitOptions): Promise<Match> {
    return this.output.waitFor(pattern, options);
  }

  /** Asks the process and its children to end, kills them after `graceMs` (default 3,000), and resolves when it is gone. Idempotent. */
  async stop(graceMs = 3000): Promise<void> {
    if (!this.#running) return;
    const { pid } = this.child;
    if (pid !== undefined) signalTree(pid, "SIGTERM");
    const timer = setTimeout(() => {
      if (pid !== undefined) signalTree(pid, "SIGKILL");
    }, graceMs);
    await this.ended.catch(() => undefined);
    clearTimeout(timer);
  }

  #collect(onLine?: (line: string) => void): Promise<CommandResult> {
    let stdout = "";
    let stderr = "";
    let partial = "";
    const print = (text: string): void => {
      this.output.append(text);
      if (onLine === undefined) return;
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) onLine(line);
    };
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      print(text);
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      print(text);
    });
    return new Promise((resolve, reject) => {
      this.child.once("error", (cause: NodeJS.ErrnoException) => {
        this.#running = false;
        this.output.end("could not be started");
        if (cause.code !== "ENOENT") return reject(cause);
        const debianPackage = debianPackageOf[this.name] ?? this.name;
        return reject(
          new LabError("missingTool", `${this.name} is not installed; install with: apt-get install ${debianPackage}`, {
            cause,
          }),
        );
      });
      this.child.once("exit", () => {
        this.#running = false;
      });
      this.child.once("close", (code, signal) => {
        this.#running = false;
        this.output.end(`ended with ${signal ?? `status ${code}`}`);
        resolve({ code, signal, stdout, stderr });
      });
    });
  }
}

/** Runs a command to its end; throws `LabError` "commandFailed" with what it printed when its status is not 0. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  const running = new LabProcess(program, args, options);
  return finish(running, args, options);
}

/** Waits for a started command as `runCommand` does. */
export async function finish(
  running: LabProcess,
  args: readonly string[],
  options: Pick<RunOptions, "allowFailure" | "signal" | "graceMs">,
): Promise<CommandResult> {
  const abort = (): void => void running.stop(options.graceMs);
  options.signal?.addEventListener("abort", abort);
  try {
    const result = await running.ended;
    options.signal?.throwIfAborted();
    if (result.code !== 0 && options.allowFailure !== true) {
      const line = [running.name, ...args].join(" ");
      throw new LabError(
        "commandFailed",
        `${line}: ${result.signal ?? `status ${result.code}`}: ${running.output.tail()}`,
      );
    }
    return result;
  } finally {
    options.signal?.removeEventListener("abort", abort);
  }
}
