import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ImageVersion } from "@ingot/api";
import { type CommandEnd, ingot, ServerProcess } from "./server-process.ts";

const agentFile = join(import.meta.dirname, "..", "apps", "agent", "src", "main.ts");
const POLL_MS = 25;

/** A number of chunks and their bytes, as `pull --json` says it. */
interface Tally {
  readonly chunks: number;
  readonly bytes: number;
}

/** What `pull --json` says when everything is there. */
export interface PullResult {
  readonly version: number;
  readonly progress: {
    readonly totalBytes: number;
    readonly doneBytes: number;
    readonly bytes: Readonly<Record<"seed" | "peers" | "multicast" | "local", number>>;
    readonly retries: number;
  };
  readonly found: Readonly<Record<"inPlace" | "moved" | "resumed" | "missing" | "total", Tally>>;
}

/** What came over the network, whether it was of use or not: chunk streams, without the headers of HTTP, TLS and below. */
export function receivedBytes({ progress: { bytes } }: PullResult): number {
  return bytes.seed + bytes.peers + bytes.multicast;
}

/** A running `ingot agent … --json`. */
export class AgentProcess {
  readonly child: ChildProcess;
  /** What it wrote to standard output and standard error. */
  stdout = "";
  stderr = "";
  /** The status it ended with; null after a signal. */
  readonly ended: Promise<number | null>;

  constructor(argumentList: readonly string[]) {
    const program = ["--disable-warning=ExperimentalWarning", agentFile, ...argumentList, "--json"];
    this.child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.ended = once(this.child, "close").then(() => this.child.exitCode);
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Its first line of standard output; throws with what it said when it ends without one. */
  async firstLine(): Promise<unknown> {
    while (!this.stdout.includes("\n")) {
      if (!this.isRunning && (await this.ended) !== undefined && !this.stdout.includes("\n"))
        throw new Error(`the agent ended with ${this.child.signalCode ?? this.child.exitCode}: ${this.stderr}`);
      await sleep(POLL_MS);
    }
    return JSON.parse(this.stdout.slice(0, this.stdout.indexOf("\n")));
  }

  /** What a `pull` came to. With `--seed` it goes on running. */
  async result(): Promise<PullResult> {
    return (await this.firstLine()) as PullResult;
  }

  /** The error that it ended with, as it stands on standard error: one line. */
  async failure(): Promise<{ readonly status: number | null; readonly code: string; readonly message: string }> {
    const status = await this.ended;
    const { error } = JSON.parse(this.stderr) as { error: { code: string; message: string } };
    return { status, ...error };
  }

  /** Bytes that it has handed to the system for writing, to connections and to files. */
  get writtenBytes(): number {
    return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${this.child.pid}/io`, "utf8"))?.[1]);
  }

  /** Ends it as a power cut would, but for what the kernel has in its cache. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    if (this.isRunning) this.child.kill("SIGTERM");
    await this.ended;
  }
}

/** A server and agents that fill files from it, all as processes on loopback. */
export class CloneRoom implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "ingot-clone-"));
  readonly data: string = join(this.folder, "data");
  readonly #address: string;
  readonly #options: readonly string[];
  readonly #agents: AgentProcess[] = [];
  #server: ServerProcess | undefined;

  private constructor(address: string, options: readonly string[]) {
    this.#address = address;
    this.#options = options;
  }

  /** Starts a server on an address of its own. */
  static async open(address: string, ...options: string[]): Promise<CloneRoom> {
    const room = new CloneRoom(address, options);
    await room.startServer();
    return room;
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error("the server was not started");
    return this.#server;
  }

  /** Where agents find the server. */
  get url(): string {
    return `https://${this.#address}:8472`;
  }

  /** The fingerprint of the server's key. */
  get pin(): string {
    return readFileSync(join(this.data, "keys", "agents.pin"), "utf8").trim();
  }

  /** Starts the server, again on the same ports. */
  async startServer(): Promise<void> {
    const address = this.#address;
    const doors = ["--http", `${address}:8470`, "--agents", `${address}:8472`, "--iscsi", `${address}:3260`];
    const bootPort = `18${address.slice(address.lastIndexOf(".") + 1).padStart(3, "0")}`;
    const seed = ["--swarm-port", "8473", "--boot-port", bootPort, "--multicast-rate", "off"];
    this.#server = await ServerProcess.start(this.data, ...doors, ...seed, "--registration", "open", ...this.#options);
  }

  /** `ingot …` for this server. */
  ingot(...argumentList: string[]): Promise<CommandEnd> {
    return ingot(...argumentList, "--data", this.data);
  }

  /** Adds the next version of an image. */
  async addImage(name: string, content: Uint8Array): Promise<ImageVersion> {
    const path = this.path(`${name}.raw`);
    writeFileSync(path, content);
    const { code, stdout, stderr } = await this.ingot("image", "add", name, path, "--json");
    if (code !== 0) throw new Error(`image add: ${stderr}`);
    return (JSON.parse(stdout) as { version: ImageVersion }).version;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** `ingot agent …`, with the state folder of that name. */
  agent(state: string, ...argumentList: string[]): AgentProcess {
    const agent = new AgentProcess([...argumentList, "--state", this.path(state)]);
    this.#agents.push(agent);
    return agent;
  }

  /** `ingot agent pull` into the file `<name>.img`. */
  pull(name: string, image: string, ...options: string[]): AgentProcess {
    const server = ["--server", this.url, "--pin", this.pin];
    return this.agent(name, "pull", image, "--to", this.path(`${name}.img`), "--method", "p2p", ...server, ...options);
  }

  /** `ingot agent serve` of an image from a file that holds it; resolves when it takes part. */
  async serve(name: string, image: string, file: string, ...options: string[]): Promise<AgentProcess> {
    const server = ["--server", this.url, "--pin", this.pin];
    const agent = this.agent(name, "serve", image, "--from", file, ...server, ...options);
    await agent.firstLine();
    return agent;
  }

  /** Bytes that the files of these receivers have. */
  filledBytes(...names: string[]): number {
    return names.reduce((sum, name) => {
      const path = this.path(`${name}.img`);
      return existsSync(path) ? sum + statSync(path).blocks * 512 : sum;
    }, 0);
  }

  /** Waits until the files of all receivers have that many bytes together; throws when one of them ends before. */
  async untilFilled(bytes: number, receivers: ReadonlyMap<string, AgentProcess>): Promise<void> {
    while (this.filledBytes(...receivers.keys()) < bytes) {
      for (const [name, { isRunning, stderr }] of receivers)
        if (!isRunning) throw new Error(`${name} ended too early: ${stderr}`);
      await sleep(POLL_MS);
    }
  }

  /** Ends all agents. */
  async stopAgents(): Promise<void> {
    await Promise.all(this.#agents.splice(0).map((agent) => agent.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgents();
    await this.#server?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
