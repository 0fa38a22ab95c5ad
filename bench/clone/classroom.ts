import { Lab, type Namespace } from "@ingot/testkit/lab";

/** Links of a classroom. */
export interface ClassroomOptions {
  readonly receivers: number;
  /** Every link, both ways, in Mbit/s. */
  readonly linkMbit: number;
  /** Receivers (by number, from 1) with another link, in Mbit/s. */
  readonly slow?: ReadonlyMap<number, number>;
  /** Share of the packets that each receiver's kernel drops on arrival, 0 to 1. */
  readonly loss?: number;
}

/** A machine of the classroom: its namespace, where `eth0` is its only link. */
export interface Seat {
  readonly namespace: Namespace;
  readonly address: string;
}

/** Where the server is. */
export const SERVER_ADDRESS = "10.99.0.1";

/** What a token bucket lets through at once: above the largest packet of segmentation offload. */
const BURST = "128kb";
/** The machine's own queue: its sockets hold a sender back before it is full. */
const OWN_QUEUE = "4mb";
/** Buffer of a switch port; what comes when it is full is dropped. */
const PORT_QUEUE = "512kb";

/**
 * A switch, a server and machines out of network namespaces, every link shaped both ways by token buckets. There is no
 * multicast snooping: the switch floods groups to all, as cheap ones do.
 */
export class Classroom implements AsyncDisposable {
  readonly server: Seat;
  /** Receiver 1 is the first. */
  readonly receivers: readonly Seat[];
  readonly #lab: Lab;
  readonly #switch: Namespace;

  private constructor(lab: Lab, crossbar: Namespace, server: Seat, receivers: readonly Seat[]) {
    this.#lab = lab;
    this.#switch = crossbar;
    this.server = server;
    this.receivers = receivers;
  }

  /** Builds it; root only. */
  static async open(options: ClassroomOptions): Promise<Classroom> {
    const lab = await Lab.open({ prefix: "ingbench" });
    try {
      const crossbar = await lab.addNamespace("switch");
      await crossbar.addBridge("br0");
      const seat = async (port: string, address: string, linkMbit: number): Promise<Seat> => {
        const namespace = await lab.addNamespace(port);
        await lab.addCable({ namespace: crossbar, name: port, bridge: "br0" }, { namespace, name: "eth0" });
        // udpcast calls by broadcast.
        await namespace.run("ip", ["address", "add", `${address}/16`, "broadcast", "+", "dev", "eth0"]);
        await namespace.run("ip", ["route", "add", "224.0.0.0/4", "dev", "eth0"]);
        await shape(namespace, "eth0", linkMbit, OWN_QUEUE);
        await shape(crossbar, port, linkMbit, PORT_QUEUE);
        return { namespace, address };
      };
      const server = await seat("srv", SERVER_ADDRESS, options.linkMbit);
      const receivers: Seat[] = [];
      for (let i = 1; i <= options.receivers; i++) {
        receivers.push(await seat(`c${i}`, `10.99.1.${i}`, options.slow?.get(i) ?? options.linkMbit));
      }
      const { loss = 0 } = options;
      if (loss > 0) for (const { namespace } of receivers) await drop(namespace, loss);
      return new Classroom(lab, crossbar, server, receivers);
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Bytes that came out of the server's link so far, headers included. */
  async serverSentBytes(): Promise<number> {
    const { stdout } = await this.#switch.run("cat", ["/sys/class/net/srv/statistics/rx_bytes"]);
    return Number(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab.close();
  }
}

async function shape(namespace: Namespace, device: string, mbit: number, queue: string): Promise<void> {
  const bucket = ["tbf", "rate", `${mbit}mbit`, "burst", BURST, "limit", queue];
  await namespace.run("tc", ["qdisc", "add", "dev", device, "root", ...bucket]);
}

async function drop(namespace: Namespace, share: number): Promise<void> {
  const rule = `iifname eth0 numgen random mod 1000 < ${Math.round(share * 1000)} drop`;
  const input = `table inet lab { chain in { type filter hook input priority 0; ${rule}; }; }`;
  await namespace.run("nft", ["-f", "-"], { input });
}
