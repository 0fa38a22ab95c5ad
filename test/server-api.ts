import type { Disk, Image, IngotEvent, Machine, Page, Status } from "@ingot/api";
import type { ServerProcess } from "./server-process.ts";

/** A running server's API, for what a test sets up and looks at beside its subject. */
export class ServerApi {
  readonly #url: string;

  constructor(server: ServerProcess) {
    this.#url = `${server.url}/api/v1`;
  }

  /** Adds a diskless machine and returns its disk's address for libiscsi and QEMU; the number makes name `pc-N` and MAC. */
  async addMachine(number: number, settings: Readonly<Record<string, unknown>>): Promise<string> {
    const name = `pc-${number}`;
    const mac = `52:54:00:00:01:${number.toString(16).padStart(2, "0")}`;
    await this.#call<Machine>("/machines", {
      method: "POST",
      body: JSON.stringify({ name, macs: [mac], plan: "diskless", ...settings }),
      headers: { "content-type": "application/json" },
    });
    return this.diskUrl(name);
  }

  /** A machine's disk for libiscsi and QEMU. */
  async diskUrl(machine: string): Promise<string> {
    const { portal, target, lun } = await this.#call<Disk>(`/disks/${machine}`);
    return `iscsi://${portal}/${target}/${lun}`;
  }

  /** Names of all images. */
  async imageNames(): Promise<string[]> {
    return (await this.#call<Page<Image>>("/images")).items.map(({ name }) => name);
  }

  status(): Promise<Status> {
    return this.#call<Status>("/status");
  }

  /** What a service says of itself in the status; empty when there is none of that name. */
  async detailOf(service: string): Promise<string> {
    return (await this.status()).services.find(({ name }) => name === service)?.detail ?? "";
  }

  /** The newest events, newest last. */
  async events(): Promise<readonly IngotEvent[]> {
    return (await this.#call<Page<IngotEvent>>("/events?limit=1000")).items;
  }

  async #call<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await fetch(`${this.#url}${path}`, init);
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`${init.method ?? "GET"} ${path}: ${response.status} ${JSON.stringify(body)}`);
    return body as T;
  }
}
