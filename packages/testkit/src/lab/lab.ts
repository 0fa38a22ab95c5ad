import { spawnSync } from "node:child_process";
import { createServer, type Server } from "node:net";
import { LabError } from "./errors.ts";
import {
  runCommand,
  type CommandResult,
  type LabProcess,
  type ProcessOptions,
  type RunOptions,
} from "./lab-process.ts";
import { Namespace, type InterfaceOptions } from "./namespace.ts";
import { signalProcess } from "./process-tree.ts";
import { requireTools } from "./tools.ts";

/** Options of a lab. */
export interface LabOptions {
  /** Begins the name of every namespace; letters and digits, at most 12. Two live labs never share one. */
  readonly prefix: string;
}

/** One end of a cable between namespaces. */
export interface CableEnd extends InterfaceOptions {
  /** Absent: the host's own namespace, where `name` should begin with the lab's prefix. */
  readonly namespace?: Namespace;
  readonly name: string;
}

/**
 * A set of network namespaces under one prefix, with what runs inside. Everything is gone after `close()`,
 * at the process's end, and after SIGINT, SIGTERM or SIGHUP. What a killed run left behind is removed when the
 * next lab with the same prefix opens.
 */
export class Lab implements AsyncDisposable {
  readonly prefix: string;
  readonly #lock: Server;
  readonly #namespaces = new Map<string, Namespace>();
  readonly #closers = new Set<() => Promise<void>>();
  #closed: Promise<void> | undefined;

  /** Throws `LabError` "notRoot", "missingTool", or "prefixInUse" when another live process has this prefix. */
  static async open(options: LabOptions): Promise<Lab> {
    const { prefix } = options;
    if (!/^[a-z][a-z0-9]{0,11}$/.test(prefix)) {
      throw new RangeError(`lab prefix ${JSON.stringify(prefix)}: expected 1 to 12 lower-case letters and digits`);
    }
    if (process.getuid?.() !== 0) {
      throw new LabError("notRoot", "network namespaces need root: run this as root (or with sudo)");
    }
    requireTools(["ip"]);
    const lab = new Lab(prefix, await holdPrefix(prefix));
    removeNamespaces(prefix);
    return lab;
  }

  private constructor(prefix: string, lock: Server) {
    this.prefix = prefix;
    this.#lock = lock;
    process.once("exit", this.#atExit);
    for (const signal of endingSignals) process.on(signal, this.#atSignal);
  }

  /** Makes the namespace `PREFIX-NAME` with its loopback interface up. */
  async addNamespace(name: string): Promise<Namespace> {
    const namespace = new Namespace(`${this.prefix}-${name}`);
    await runCommand("ip", ["netns", "add", namespace.name]);
    this.#namespaces.set(namespace.name, namespace);
    await namespace.configure("lo");
    return namespace;
  }

  /** Ends what runs in a namespace and removes it with its interfaces. */
  async removeNamespace(namespace: Namespace): Promise<void> {
    if (!this.#namespaces.delete(namespace.name)) return;
    await namespace.stopProcesses();
    removeNamespaceNow(namespace.name);
  }

  /** Lays a cable (veth pair) between two namespaces, or one and the host; both ends come up. */
  async addCable(a: CableEnd, b: CableEnd): Promise<void> {
    const firstNamespace = a.namespace ?? b.namespace;
    if (firstNamespace === undefined) throw new RangeError("a cable needs at least one end in a namespace of the lab");
    const [first, second] = a.namespace === undefined ? [b, a] : [a, b];
    const place = second.namespace === undefined ? ["netns", "1"] : ["netns", second.namespace.name];
    const names = ["link", "add", first.name, "type", "veth", "peer", "name", second.name];
    await runCommand("ip", ["-netns", firstNamespace.name, ...names, ...place]);
    await firstNamespace.configure(first.name, first);
    await (second.namespace === undefined ? configureOnHost(second) : second.namespace.configure(second.name, second));
  }

  /** Something to close with the lab, before its namespaces go; returns how to withdraw it. */
  onClose(close: () => Promise<void>): () => void {
    this.#closers.add(close);
    return () => void this.#closers.delete(close);
  }

  /** Ends everything inside and removes the namespaces. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#closers].map((close) => close()));
    await Promise.allSettled([...this.#namespaces.values()].map((namespace) => this.removeNamespace(namespace)));
    removeNamespaces(this.prefix);
    process.off("exit", this.#atExit);
    for (const signal of endingSignals) process.off(signal, this.#atSignal);
    await new Promise((resolve) => this.#lock.close(resolve));
  }

  readonly #atExit = (): void => removeNamespaces(this.prefix);

  /** Ends the process as the signal would have, unless the program handles the signal itself and closes the lab. */
  readonly #atSignal = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) > 1) return;
    removeNamespaces(this.prefix);
    process.off(signal, this.#atSignal);
    process.kill(process.pid, signal);
  };
}

/** Starts a program inside a namespace; same as `namespace.spawn`. */
export function spawnIn(
  namespace: Namespace,
  program: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): LabProcess {
  return namespace.spawn(program, args, options);
}

/** Runs a program inside a namespace to its end; same as `namespace.run`. */
export function runIn(
  namespace: Namespace,
  program: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<CommandResult> {
  return namespace.run(program, args, options);
}

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** An abstract socket is a lock that the kernel releases however the process ends. */
async function holdPrefix(prefix: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "EADDRINUSE") return reject(cause);
      return reject(new LabError("prefixInUse", `another running process has the lab prefix ${prefix}`, { cause }));
    });
    server.listen(`\0ingot-lab-${prefix}`, resolve);
  });
  server.unref();
  return server;
}

async function configureOnHost(end: CableEnd): Promise<void> {
  if (end.mac !== undefined) await runCommand("ip", ["link", "set", end.name, "address", end.mac]);
  if (end.bridge !== undefined) await runCommand("ip", ["link", "set", end.name, "master", end.bridge]);
  if (end.address !== undefined) await runCommand("ip", ["address", "add", end.address, "dev", end.name]);
  await runCommand("ip", ["link", "set", end.name, "up"]);
}

/** Synchronous, because it must also work while the process exits. */
function removeNamespaces(prefix: string): void {
  const listed = spawnSync("ip", ["netns", "list"], { encoding: "utf8" });
  for (const line of listed.stdout.split("\n")) {
    const name = line.split(" ")[0] ?? "";
    if (name.startsWith(`${prefix}-`)) removeNamespaceNow(name);
  }
}

/** Cables go first: the kernel removes a namespace's interfaces some time after the namespace, the host's end of a cable too. */
function removeNamespaceNow(name: string): void {
  killAll(pidsIn(name));
  const cables = spawnSync("ip", ["-netns", name, "-oneline", "link", "show", "type", "veth"], { encoding: "utf8" });
  for (const line of cables.stdout.split("\n")) {
    const cable = /^\d+: ([^@:]+)/.exec(line)?.[1];
    if (cable !== undefined) spawnSync("ip", ["-netns", name, "link", "delete", cable]);
  }
  spawnSync("ip", ["netns", "delete", name]);
}

/** Whatever still runs in a namespace keeps its interfaces alive after the name is gone. */
function pidsIn(name: string): number[] {
  const listed = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" });
  return listed.stdout
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid);
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) signalProcess(pid, "SIGKILL");
}
