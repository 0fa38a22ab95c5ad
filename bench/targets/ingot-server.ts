import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Disk, Machine } from "@ingot/api";
import { ServerProcess } from "../../test/server-process.ts";
import { freePort, tieChild } from "./child-process.ts";
import type { DiskAddress, RunningTarget } from "./disk-address.ts";

const run = promisify(execFile);
const mainFile = join(import.meta.dirname, "..", "..", "apps", "server", "src", "main.ts");
const IMAGE = "image";

/** The real server, `ingot serve`, with one image and any number of diskless machines. */
export class IngotServer implements RunningTarget {
  readonly pid: number;
  readonly #server: ServerProcess;
  #machines = 0;

  private constructor(server: ServerProcess) {
    this.pid = server.child.pid ?? 0;
    this.#server = server;
  }

  /** Adds the image at `imagePath` to a new library in `directory` and starts the server with `options` added. */
  static async start(directory: string, imagePath: string, options: readonly string[] = []): Promise<IngotServer> {
    const data = join(directory, "data");
    const warnings = "--disable-warning=ExperimentalWarning";
    await run(process.execPath, [warnings, mainFile, "image", "add", IMAGE, imagePath, "--data", data]);
    const [http, boot, iscsi] = [await freePort(), await freePort(), await freePort()];
    const ports = ["--http", `127.0.0.1:${http}`, "--boot-port", String(boot), "--iscsi", `127.0.0.1:${iscsi}`];
    const server = await ServerProcess.start(data, ...ports, "--log-level", "error", ...options);
    tieChild(server.child);
    return new IngotServer(server);
  }

  /** A new machine, whose disk nobody has written to yet. */
  async addMachine(): Promise<DiskAddress> {
    const number = ++this.#machines;
    const name = `pc-${number}`;
    const mac = [0x52, 0x54, 0, 1, number >> 8, number & 0xff].map((byte) => byte.toString(16).padStart(2, "0"));
    const settings = { name, macs: [mac.join(":")], plan: "diskless", image: IMAGE };
    await this.#call<Machine>("/machines", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(settings),
    });
    const { portal, target, lun } = await this.#call<Disk>(`/disks/${name}`);
    const [address = "", port = ""] = portal.split(":");
    return { address, port: Number(port), target, lun };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop();
  }

  async #call<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${this.#server.url}/api/v1${path}`, init);
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(body)}`);
    return body as T;
  }
}
