import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeManifest, sha256 } from "@ingot/chunks";
import type { Extent } from "@ingot/chunks";
import { Lab } from "@ingot/testkit/lab";
import type { LabProcess, Namespace } from "@ingot/testkit/lab";
import { PAYLOAD_BYTES } from "../src/multicast/limits.ts";
import { createMulticastPlan } from "../src/multicast/plan.ts";
import type { MulticastPlan } from "../src/multicast/plan.ts";
import type { EndReason, ReceiverStats } from "../src/multicast/receiver.ts";
import type { SenderStats } from "../src/multicast/sender.ts";
import { PieceMap } from "../src/piece-map.ts";
import { CHUNK_HEADER_BYTES } from "../src/transfer/chunk-stream.ts";
import type { HostOptions } from "./multicast-host.ts";

const CHUNK_BYTES = 262_144;

/** What a receiver said at its end. */
export interface ReceiverResult {
  readonly atMs: number;
  readonly reason: EndReason | "stopped";
  readonly stats: ReceiverStats;
  readonly lost: readonly number[];
  readonly heldChunks: number;
  /** Microseconds. */
  readonly cpu: NodeJS.CpuUsage;
}

/** What a sender said at its end. */
export interface SenderResult {
  readonly atMs: number;
  readonly stats: SenderStats;
  readonly cpu: NodeJS.CpuUsage;
}

/** A program in a namespace that prints events. */
export class Host {
  readonly namespace: Namespace;
  readonly process: LabProcess;
  readonly image: string;
  #printed = "";

  constructor(namespace: Namespace, options: HostOptions) {
    this.namespace = namespace;
    this.image = options.image;
    const program = new URL("./multicast-host.ts", import.meta.url).pathname;
    this.process = namespace.spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", program, JSON.stringify(options)],
      {
        onLine: (line) => {
          this.#printed += `${line}\n`;
        },
      },
    );
  }

  /** The first event of a kind, as it was printed; may be asked for again. */
  async event<Event>(kind: string): Promise<Event> {
    const found = (): string | undefined =>
      this.#printed.split("\n").find((text) => text.includes(`"event":"${kind}"`) && text.endsWith("}"));
    const ended = this.process.ended.then(() => true);
    while (found() === undefined) {
      const over = await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
      if (over === true && found() === undefined)
        throw new Error(`ended without ${kind}: ${this.process.output.tail()}`);
    }
    return JSON.parse(found() ?? "") as Event;
  }
}

/** A switch with a sender and receivers, each on a shaped link of its own. */
export class MulticastLab implements AsyncDisposable {
  readonly plan: MulticastPlan;
  readonly pieceMap: PieceMap;
  readonly sizeBytes: number;
  readonly source: string;
  readonly #lab: Lab;
  readonly #switch: Namespace;
  readonly #directory: string;
  readonly #manifest: string;
  readonly #linkBitsPerSecond: number;

  private constructor(lab: Lab, net: Namespace, directory: string, sizeBytes: number, linkBitsPerSecond: number) {
    this.#lab = lab;
    this.#switch = net;
    this.#directory = directory;
    this.#linkBitsPerSecond = linkBitsPerSecond;
    this.sizeBytes = sizeBytes;
    this.source = join(directory, "image");
    this.#manifest = join(directory, "manifest");
    const image = randomBytes(sizeBytes);
    const extents = Array.from({ length: sizeBytes / CHUNK_BYTES }, (_unused, index): Extent => {
      const offset = index * CHUNK_BYTES;
      return {
        kind: "chunk",
        offset,
        length: CHUNK_BYTES,
        digest: sha256(image.subarray(offset, offset + CHUNK_BYTES)),
      };
    });
    const manifest = { formatVersion: 1, sizeBytes, sectorBytes: 512, partitions: undefined, extents } as const;
    writeFileSync(this.source, image);
    writeFileSync(this.#manifest, encodeManifest(manifest));
    this.pieceMap = PieceMap.of(manifest);
    this.plan = createMulticastPlan({
      rate: linkBitsPerSecond * 0.985,
      order: [{ first: 0, end: this.pieceMap.pieceCount }],
      random: randomBytes,
    });
  }

  static async open(prefix: string, options: { sizeBytes: number; linkBitsPerSecond: number }): Promise<MulticastLab> {
    const lab = await Lab.open({ prefix });
    const net = await lab.addNamespace("sw");
    await net.addBridge("br0");
    const directory = mkdtempSync(join(tmpdir(), "ingot-multicast-"));
    return new MulticastLab(lab, net, directory, options.sizeBytes, options.linkBitsPerSecond);
  }

  /** Packets that the image takes when each is sent once. */
  get packetCount(): number {
    const pieces = Array.from({ length: this.pieceMap.pieceCount }, (_unused, piece) => piece);
    return pieces.reduce((sum, piece) => {
      const { first, end } = this.pieceMap.chunksOf(piece);
      return sum + Math.ceil((this.pieceMap.plainBytesOf(piece) + (end - first) * CHUNK_HEADER_BYTES) / PAYLOAD_BYTES);
    }, 0);
  }

  /** A machine on a link of its own, number 1 to 250, with a buffer of 512 KiB at its port of the switch. */
  async addMachine(number: number): Promise<Namespace> {
    const namespace = await this.#lab.addNamespace(`m${number}`);
    const port = `p${number}`;
    const address = `${this.addressOf(number)}/24`;
    await this.#lab.addCable(
      { namespace: this.#switch, name: port, bridge: "br0" },
      { namespace, name: "eth0", address },
    );
    const shape = ["root", "tbf", "rate", `${this.#linkBitsPerSecond}bit`, "burst", "128kb", "limit"];
    await namespace.run("tc", ["qdisc", "add", "dev", "eth0", ...shape, "4mb"]);
    await this.#switch.run("tc", ["qdisc", "add", "dev", port, ...shape, "512kb"]);
    return namespace;
  }

  addressOf(number: number): string {
    return `10.97.0.${number}`;
  }

  start(namespace: Namespace, number: number, role: HostOptions["role"], plan: MulticastPlan = this.plan): Host {
    const image = role === "sender" ? this.source : join(this.#directory, `copy${number}`);
    const interfaceAddress = this.addressOf(number);
    return new Host(namespace, { role, plan, manifest: this.#manifest, image, interfaceAddress });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
    rmSync(this.#directory, { recursive: true });
  }
}

/** Drops packets at a machine's door: `match` in the words of nftables. */
export async function dropPackets(namespace: Namespace, match: string): Promise<void> {
  await namespace.run("nft", [
    `table inet lab { chain in { type filter hook input priority 0; iifname eth0 ${match} drop; }; }`,
  ]);
}
