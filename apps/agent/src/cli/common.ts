import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import type { Session } from "../client/session.ts";
import { AgentError } from "../errors.ts";
import { collect, countFrom, parseRate } from "./parse-options.ts";
import type { SwarmSettings } from "../deploy/swarm-member.ts";

/** Options of every command that speaks to a server. */
export interface ServerOptions {
  readonly server?: string;
  readonly pin?: string;
  readonly state?: string;
  readonly tokenFile?: string;
  readonly json?: true;
}

/** Options of the commands that take part in a swarm. */
export interface SwarmOptions extends ServerOptions {
  readonly method: "auto" | "p2p" | "multicast" | "unicast";
  readonly maxConnections?: number;
  readonly hashThreads: number;
  readonly rate?: number;
  readonly uploadRate?: number;
  readonly cache: number;
  readonly address?: readonly string[];
  readonly port?: number;
  readonly receivers?: number;
}

const DEFAULT_CACHE_MIB = 32;
const MIB = 2 ** 20;

/** Adds `--server`, `--pin`, `--state`, `--token-file`, `--json`. */
export function addServerOptions(command: Command): Command {
  return command
    .option("--server <url>", "the server's door for agents, https://HOST:8472 (default: the one that --state knows)")
    .option(
      "--pin <fingerprint>",
      "SHA-256 of the server's key, as `ingot status` shows it (default: the one that --state knows)",
    )
    .option("--state <dir>", "where this agent's key and its server are kept (default: $XDG_STATE_HOME/ingot-agent)")
    .option("--token-file <file>", "a one-time token, where the server asks for one")
    .option("--json", "one JSON document on standard output, errors as one on standard error");
}

/** Adds what says how much and how fast. */
export function addSwarmOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--method <method>", "multicast where it is heard and peers for the rest; or one way alone")
        .choices(["auto", "p2p", "multicast", "unicast"])
        .default("auto"),
    )
    .option("--max-connections <count>", "transfers at a time in each direction", countFrom(1, 64))
    .option("--hash-threads <count>", "threads that receive, hash and write", countFrom(1, 16), 1)
    .option("--rate <rate>", "receive at most so many bytes per second, for example 50M or 200Mbit", parseRate)
    .option("--upload-rate <rate>", "send at most so many bytes per second", parseRate)
    .option("--cache <MiB>", "memory for handing on what just came", countFrom(1, 65_536), DEFAULT_CACHE_MIB)
    .option("--address <ip>", "own address for peers; several are used together (may be repeated)", collect)
    .option("--port <port>", "port for peers (default: any)", countFrom(1, 65_535))
    .option("--receivers <count>", "how many receivers a multicast waits for", countFrom(1, 20_000));
}

/** The settings of the swarm that the options say. */
export function swarmSettings(options: SwarmOptions): SwarmSettings {
  return {
    method: options.method,
    threads: options.hashThreads,
    connections: options.maxConnections,
    downloadBytesPerSecond: options.rate,
    uploadBytesPerSecond: options.uploadRate,
    cacheBytes: options.cache * MIB,
    addresses: options.address,
    receivers: options.receivers,
    port: options.port,
  };
}

/** Enrols as a peer, of a site where one is named: asks again for as long as somebody has to approve it, gives up when it is turned away. */
export async function openPeerSession(
  options: ServerOptions,
  note: (line: string) => void,
  signal: AbortSignal,
  site?: string,
): Promise<Session> {
  const [{ openSession }, { StateFolder, defaultStateFolder }, { peerReport }, { backOffMs }] = await Promise.all([
    import("../client/session.ts"),
    import("../state/state-folder.ts"),
    import("../inventory/report.ts"),
    import("../client/back-off.ts"),
  ]);
  const state = await StateFolder.open(options.state ?? defaultStateFolder(process.env));
  let failures = 0;
  return openSession({
    state,
    server: options.server,
    pin: options.pin,
    role: "peer",
    inventory: () => Promise.resolve({ ...peerReport(hostname()), site }),
    token: await readToken(options.tokenFile),
    signal,
    onWait: async (answer) => {
      if (answer instanceof AgentError) {
        const waitMs = answer.retryAfterMs ?? backOffMs(++failures, Math.random());
        note(`${answer.message}; asking again in ${Math.ceil(waitMs / 1000)} s`);
        await sleep(waitMs, undefined, { signal });
        return;
      }
      const code = answer.code === undefined ? "" : ` (code ${answer.code})`;
      if (answer.state === "refused") throw new AgentError("refused", `${answer.message}${code}`);
      note(`${answer.message}${code}`);
      await sleep(answer.retryAfterSeconds * 1000, undefined, { signal });
    },
  });
}

/** Reads a one-time token. */
export async function readToken(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (cause) {
    throw new AgentError("surroundings", `token file ${path}`, { cause });
  }
}

/** A signal that Ctrl-C and the service manager give; a second one ends the program at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new DOMException("interrupted", "AbortError"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return controller.signal;
}
