import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";

const mainFile = join(import.meta.dirname, "..", "apps", "server", "src", "main.ts");
const execute = promisify(execFile);

/** What a finished command printed, and how it ended. */
export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `ingot` to its end; never throws for a status. */
export async function ingot(...argumentList: string[]): Promise<CommandEnd> {
  return run(process.execPath, ["--disable-warning=ExperimentalWarning", mainFile, ...argumentList]);
}

/** Runs any program to its end; never throws for a status. */
export async function run(program: string, argumentList: readonly string[], input?: string): Promise<CommandEnd> {
  try {
    const running = execute(program, [...argumentList], { maxBuffer: 1 << 26 });
    running.child.stdin?.end(input ?? "");
    const { stdout, stderr } = await running;
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout = "", stderr = "" } = error as { code?: number | string; stdout?: string; stderr?: string };
    return { code: typeof code === "number" ? code : 1, stdout, stderr: stderr === "" ? String(error) : stderr };
  }
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
  static async start(dataDirectory: string, ...options: string[]): Promise<ServerProcess> {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        mainFile,
        "serve",
        "--json",
        "--data",
        dataDirectory,
        "--user",
        "root",
        ...options,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
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

  /** Ends it by SIGTERM and returns its exit status. */
  async stop(): Promise<number | null> {
    return this.#end("SIGTERM");
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
