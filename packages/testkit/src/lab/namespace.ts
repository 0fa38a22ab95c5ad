import {
  finish,
  LabProcess,
  runCommand,
  type CommandResult,
  type ProcessOptions,
  type RunOptions,
} from "./lab-process.ts";

/** Options of an interface made in a namespace. */
export interface InterfaceOptions {
  /** With prefix length, such as "10.5.0.1/24". */
  readonly address?: string;
  /** Colon-separated MAC address; the kernel invents one otherwise. */
  readonly mac?: string;
  /** Name of a bridge in the same namespace that this interface becomes a port of. */
  readonly bridge?: string;
}

/**
 * A network namespace of a lab. Interfaces come up when they are made; they end with the namespace, which
 * ends with its lab. Interface names have at most 15 characters and need no prefix, except on the host's side.
 */
export class Namespace {
  /** As `ip netns` lists it. */
  readonly name: string;
  readonly #processes = new Set<LabProcess>();

  constructor(name: string) {
    this.name = name;
  }

  /** Starts a program inside; the lab ends it at the latest when it closes. */
  spawn(program: string, args: readonly string[] = [], options: ProcessOptions = {}): LabProcess {
    const started = new LabProcess("ip", ["netns", "exec", this.name, program, ...args], options);
    this.#processes.add(started);
    const forget = (): void => void this.#processes.delete(started);
    started.ended.then(forget, forget);
    return started;
  }

  /** Runs a program inside to its end; throws `LabError` "commandFailed" unless `allowFailure`. */
  run(program: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CommandResult> {
    return finish(this.spawn(program, args, options), args, options);
  }

  /** Makes a bridge; multicast is forwarded to every port, as there is no querier for snooping to learn from. */
  async addBridge(name: string, options: InterfaceOptions = {}): Promise<void> {
    await this.#ip("link", "add", name, "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
    await this.configure(name, options);
  }

  /** Makes a tap for a virtual machine whose QEMU runs inside this namespace. */
  async addTap(name: string, options: InterfaceOptions = {}): Promise<void> {
    await this.#ip("tuntap", "add", "dev", name, "mode", "tap");
    await this.configure(name, options);
  }

  /** Sets bridge, MAC and address of an existing interface, and brings it up. */
  async configure(name: string, options: InterfaceOptions = {}): Promise<void> {
    if (options.mac !== undefined) await this.#ip("link", "set", name, "address", options.mac);
    if (options.bridge !== undefined) await this.#ip("link", "set", name, "master", options.bridge);
    if (options.address !== undefined) await this.#ip("address", "add", options.address, "dev", name);
    await this.#ip("link", "set", name, "up");
  }

  /** Removes an interface before the namespace ends; for a pair both ends go. */
  async removeInterface(name: string): Promise<void> {
    await this.#ip("link", "delete", name);
  }

  /** Ends every process that was started inside. */
  async stopProcesses(): Promise<void> {
    await Promise.all([...this.#processes].map((running) => running.stop()));
  }

  #ip(...args: string[]): Promise<CommandResult> {
    return runCommand("ip", ["-netns", this.name, ...args]);
  }
}
