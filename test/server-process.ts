import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";

const mainFile = join(import.meta.dirname, "..", "apps", "server", "src", "main.ts");
const execute = promisify(execFile);

/** `ingot` as a program and its first arguments, for tests that start it through another program. */
export const INGOT: readonly [string, ...string[]] = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  mainFile,
];

/** What a finished command printed, and how it ended. */
export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ingot` to its end; never throws for a status. */
export async function ingot(...argumentList: string[]): Promise<CommandEnd> {
  const [program, ...before] = INGOT;
  return run(program, [...before, ...argumentList]);
}

/** Runs any program to its end, with `environment` added to this process's own; never throws for a status. */
export async function run(
  program: string,
  argumentList: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandEnd> {
  try {
    const running = execute(program, [...argumentList], {
      maxBuffer: 1 << 26,
      env: { ...process.env, ...environment },
    });
    running.child.stdin?.end();
    const { stdout, stderr } = await running;
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: number | string; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : 1, stdout, stderr: stderr === "" ? String(error) : stderr };
  }
}

/** The arguments of `ingot` for a server that tells its notices as JSON. */
export function serveArguments(dataDirectory: string, ...options: string[]): string[] {
  return ["serve", "--json", "--data", dataDirectory, ...options];
}

/** A running `ingot serve --json` on loopback. */
export class ServerProcess implements AsyncDisposable {
  readonly notices: Readonly<Record<string, unknown>>[] = [];
  readonly child: ChildProcess;
  stderr = "";

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts it and waits until it is ready; throws with what it said when it ends before. */
  static start(dataDirectory: string, ...options: string[]): Promise<ServerProcess> {
    return ServerProcess.launch([...INGOT, ...serveArguments(dataDirectory, "--user", "root", ...options)]);
  }

  /** Starts a server by the command line given, with `environment` added to this process's own. */
  static async launch(
    commandLine: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const [program = "", ...argumentList] = commandLine;
    const child = spawn(program, argumentList, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...environment },
    });
    const server = new ServerProcess(child);
    const ready = Promise.withResolvers<void>();
    let partial = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) server.notices.push(JSON.parse(line) as Record<string, unknown>);
      if (server.notices.some((notice) => notice["event"] === "ready")) ready.resolve();
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (server.stderr += text));
    child.once("exit", (code, signal) =>
      ready.reject(new Error(`ingot serve ended with ${signal ?? code}: ${server.stderr}`)),
    );
    await ready.promise;
    return server;
  }

  /** The API's address. */
  get url(): string {
    return String(this.notices.find((notice) => notice["event"] === "ready")?.["url"]);
  }

  /** Ends it by a signal that asks and returns its exit status. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number | null> {
    return this.#end(signal);
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
