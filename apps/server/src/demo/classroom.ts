import { join } from "node:path";
import {
  Lab,
  startMachine,
  type CommandResult,
  type LabProcess,
  type Machine,
  type MachineFirmware,
  type MachineHardware,
  type Namespace,
} from "@ingot/testkit/lab";
import { ApiClient } from "../cli/api-client.ts";
import { openLoopbackDoor, type LoopbackDoor } from "./loopback-door.ts";

/** The server's address on the classroom's own network. */
export const SERVER_ADDRESS = "10.77.0.1";

/** `ingot serve` as the DHCP server of the classroom. */
export const FULL_DHCP: readonly string[] = ["--dhcp", "full", "--dhcp-range", "10.77.0.100-10.77.0.199"];

const CONSOLE_PORT = 8470;

/** How a classroom is set up. */
export interface ClassroomOptions {
  /** Prefix of its namespaces. */
  readonly prefix: string;
  /** For everything that is written: the server's data directory `data`, and the machines' logs. Must exist. */
  readonly directory: string;
  /** Further options of `ingot serve`, e.g. {@link FULL_DHCP}. */
  readonly serveArguments: readonly string[];
  /** Called before the server starts, with the network made: for other hosts on it. */
  readonly prepare?: (lab: Lab, network: Namespace) => Promise<void>;
  readonly onServerLine?: (line: string) => void;
}

/** What tells one machine of a classroom from another. */
export interface Seat extends Partial<Omit<MachineHardware, "name" | "firmware" | "mac" | "tap">> {
  readonly name: string;
  readonly firmware: MachineFirmware;
  readonly mac: string;
}

/**
 * A network of its own with an Ingot server and virtual machines on one bridge, in one namespace: what the demo shows
 * and the machine tests use. Nothing of it reaches, or is reached from, the networks of the machine it runs on, but for
 * the console's door on loopback.
 */
export class Classroom implements AsyncDisposable {
  readonly lab: Lab;
  readonly network: Namespace;
  readonly dataDirectory: string;
  readonly #options: ClassroomOptions;
  #server: LabProcess | undefined;
  #door: LoopbackDoor | undefined;

  private constructor(lab: Lab, network: Namespace, options: ClassroomOptions) {
    this.lab = lab;
    this.network = network;
    this.dataDirectory = join(options.directory, "data");
    this.#options = options;
  }

  /** Makes the network and starts the server; resolves when the server is ready. */
  static async open(options: ClassroomOptions): Promise<Classroom> {
    const lab = await Lab.open({ prefix: options.prefix });
    try {
      const network = await lab.addNamespace("net");
      await network.addBridge("br0", { address: `${SERVER_ADDRESS}/24` });
      await options.prepare?.(lab, network);
      const classroom = new Classroom(lab, network, options);
      await classroom.startServer();
      classroom.#door = await openLoopbackDoor(network, CONSOLE_PORT, options.directory, CONSOLE_PORT);
      return classroom;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Where the console and the API are, seen from this machine. */
  get url(): string {
    if (this.#door === undefined) throw new Error("the classroom is closed");
    return this.#door.url;
  }

  get api(): ApiClient {
    return new ApiClient((request) => fetch(request), this.url);
  }

  /** The server's process. */
  get server(): LabProcess {
    if (this.#server === undefined) throw new Error("the server is not running");
    return this.#server;
  }

  async startServer(): Promise<void> {
    const onLine = this.#options.onServerLine;
    const server = this.network.spawn(
      process.execPath,
      [
        ...process.execArgv,
        mainFile,
        "serve",
        "--json",
        "--data",
        this.dataDirectory,
        "--interface",
        "br0",
        "--user",
        "root",
        ...this.#options.serveArguments,
      ],
      onLine === undefined ? {} : { onLine },
    );
    this.#server = server;
    await server.waitForOutput('"event":"ready"', { timeoutMs: 60_000 });
  }

  /** Runs the command line inside, as an operator would on the server; throws when it fails. */
  ingot(...argumentList: string[]): Promise<CommandResult> {
    return this.network.run(process.execPath, [
      ...process.execArgv,
      mainFile,
      ...argumentList,
      "--data",
      this.dataDirectory,
    ]);
  }

  /** Plugs a machine into the bridge and switches it on. */
  async powerOn(seat: Seat): Promise<Machine> {
    const tap = `tap-${seat.name}`.slice(0, 15);
    await this.network.run("ip", ["link", "delete", tap], { allowFailure: true });
    await this.network.addTap(tap, { bridge: "br0" });
    return startMachine({
      ...seat,
      tap,
      lab: this.lab,
      namespace: this.network,
      directory: join(this.#options.directory, "machines"),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#door?.close();
    await this.#server?.stop(10_000);
    await this.lab.close();
  }
}

const mainFile = join(import.meta.dirname, "..", "main.ts");
