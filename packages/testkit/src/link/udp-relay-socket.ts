import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import type { LinkPlan } from "./link-plan.ts";

/** An IPv4 address and UDP port. */
export interface UdpEndpoint {
  readonly address: string;
  readonly port: number;
}

/** Where a relay listens and whom it stands in front of. */
export interface UdpRelayOptions {
  /** The server. */
  readonly target: UdpEndpoint;
  /** Where clients send to. Default 127.0.0.1 with a port chosen by the system. */
  readonly listen?: UdpEndpoint;
  /** The fate of packets from client to server. */
  readonly toServer: LinkPlan;
  /** The fate of packets from server to client. */
  readonly toClient: LinkPlan;
}

/** A running relay. */
export interface UdpRelay {
  /** Where clients send to. */
  readonly endpoint: UdpEndpoint;
  /** Closes every socket and forgets packets under way. May be called twice. */
  close(): Promise<void>;
}

interface Peer {
  readonly endpoint: UdpEndpoint;
  readonly socket: Socket;
}

/**
 * A UDP relay that drops, duplicates and reorders by plan, between real programs. A server that answers from another
 * port than it was asked on (TFTP) keeps that: each of its ports is shown to the client as one port of the relay.
 */
export async function openUdpRelay(options: UdpRelayOptions): Promise<UdpRelay> {
  const { target, toServer, toClient } = options;
  const listen = options.listen ?? { address: "127.0.0.1", port: 0 };
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const upstreams = new Map<string, Promise<Socket>>();
  let closed = false;

  const bind = async (endpoint: UdpEndpoint): Promise<Socket> => {
    const socket = createSocket("udp4");
    sockets.add(socket);
    socket.bind(endpoint.port, endpoint.address);
    await once(socket, "listening");
    // A peer that is gone answers with ICMP errors; on a relay that is one more lost packet.
    socket.on("error", () => undefined);
    return socket;
  };

  const carry = (plan: LinkPlan, bytes: Uint8Array, from: Socket, to: UdpEndpoint): void => {
    for (const delayMs of plan.next()) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        from.send(bytes, to.port, to.address);
      }, delayMs);
      timers.add(timer);
    }
  };

  const openUpstream = async (client: UdpEndpoint, front: Socket): Promise<Socket> => {
    const upstream = await bind({ address: "0.0.0.0", port: 0 });
    const faces = new Map<number, Promise<Peer>>([[target.port, Promise.resolve({ endpoint: target, socket: front })]]);
    upstream.on("message", (bytes, remote) => {
      let face = faces.get(remote.port);
      if (face === undefined) {
        face = bind({ address: listen.address, port: 0 }).then((socket) => {
          const endpoint = { address: remote.address, port: remote.port };
          socket.on("message", (reply) => carry(toServer, reply, upstream, endpoint));
          return { endpoint, socket };
        });
        faces.set(remote.port, face);
      }
      void face.then(({ socket }) => {
        if (!closed) {
          carry(toClient, bytes, socket, client);
        }
      });
    });
    return upstream;
  };

  const front = await bind(listen);
  front.on("message", (bytes, remote) => {
    const client = { address: remote.address, port: remote.port };
    const key = `${client.address}:${client.port}`;
    let upstream = upstreams.get(key);
    if (upstream === undefined) {
      upstream = openUpstream(client, front);
      upstreams.set(key, upstream);
    }
    void upstream.then((socket) => {
      if (!closed) {
        carry(toServer, bytes, socket, target);
      }
    });
  });

  return {
    endpoint: { address: listen.address, port: front.address().port },
    async close(): Promise<void> {
      if (closed) {
        return;
      }
      closed = true;
      for (const timer of timers) {
        clearTimeout(timer);
      }
      await Promise.all(
        [...sockets].map(async (socket) => {
          const done = once(socket, "close");
          socket.close();
          await done;
        }),
      );
    },
  };
}
