import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const REPOSITORY = join(import.meta.dirname, "../../..");
const NODE_ARGS = ["--disable-warning=ExperimentalWarning"];

/** What a program that ended has said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program of this repository that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A server of this repository, as a process, with a folder of its own. */
export interface TestServer extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly pin: string;
  readonly api: string;
  readonly data: string;
  /** `ingot …` against this server. */
  ingot(...args: readonly string[]): Promise<Ended>;
  /** `ingot agent …` with this server's address and a state folder of that name. */
  agent(state: string, ...args: readonly string[]): Running;
}

/** Starts one on loopback; multicast goes over loopback, too. */
export async function startServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), "ingot-agent-"));
  const data = join(folder, "data");
  const [api, agents, swarm, boot, iscsi] = await freePorts();
  const running = run(
    "apps/server/src/main.ts",
    ["serve", "--data", data, "--http", `127.0.0.1:${api}`, "--agents", `127.0.0.1:${agents}`],
    ["--swarm-port", String(swarm), "--boot-port", String(boot), "--iscsi", `127.0.0.1:${iscsi}`],
    ["--registration", "open", "--multicast-rate", "200mbit", "--user", process.env["USER"] ?? "root"],
  );
  await said(running, "ready:");
  const url = `https://127.0.0.1:${agents}`;
  const pin = readFileSync(join(data, "keys/agents.pin"), "utf8").trim();
  return {
    folder,
    url,
    pin,
    api: `http://127.0.0.1:${api}`,
    data,
    ingot: (...args) => run("apps/server/src/main.ts", [...args, "--data", data]).ended,
    agent: (state, command = "", ...args) =>
      run(
        "apps/agent/src/main.ts",
        [command, ...args],
        ["--server", url, "--pin", pin, "--state", join(folder, state), "--json"],
      ),
    async [Symbol.asyncDispose]() {
      running.child.kill("SIGTERM");
      await running.ended;
      rmSync(folder, { recursive: true });
    },
  };
}

function run(program: string, ...args: readonly (readonly string[])[]): Running {
  const child = spawn(process.execPath, [...NODE_ARGS, join(REPOSITORY, program), ...args.flat()], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part.toString()));
  child.stderr.on("data", (part: Buffer) => (stderr += part.toString()));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

/** Waits until a program has said something; fails with all it said when it ends before. */
export function said({ child, ended }: Running, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = "";
    const listen = (part: Buffer): void => {
      all += part.toString();
      if (all.includes(text)) resolve();
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    ended.then(({ stderr }) => reject(new Error(`it ended before it said "${text}": ${stderr}`)), reject);
  });
}

/** Five ports, the second and third of which have a free one behind them. */
async function freePorts(): Promise<readonly number[]> {
  const base = 20_000 + Math.floor(Math.random() * 20_000);
  const ports = [base, base + 1, base + 2, base + 4, base + 5];
  for (const port of [...ports, base + 3]) {
    if (!(await isFree(port))) return freePorts();
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
