import { createSocket, type Socket } from "node:dgram";
import type { Wake } from "@ingot/control";
import { broadcastOf, type Ipv4, type Ipv4Network, networkContains, parseIpv4, parseMac } from "@ingot/wire";
import { magicPacket, WAKE_PORT } from "./magic-packet.ts";

/** By which networks machines are woken. */
export interface WakeNetworks {
  /** The interface's own subnet, with the interface's address. */
  readonly own: Ipv4Network;
  /** Subnets behind routers, which have to let directed broadcasts through. */
  readonly others: readonly Ipv4Network[];
}

/**
 * Where a call goes: to the broadcast address of the subnet where the machine was seen last, and to the interface's own where that is not
 * known. Not to the machine's own address: nobody answers for it while it is off.
 */
export function wakeTargets({ own, others }: WakeNetworks, address: string | undefined): readonly Ipv4[] {
  const seen = address === undefined ? undefined : addressOf(address);
  const there = seen === undefined ? undefined : [own, ...others].find((network) => networkContains(network, seen));
  return [broadcastOf(there ?? own)];
}

/** Sends calls from the interface's address, so that they leave by that interface. */
export function wakeOnLan(networks: WakeNetworks): Wake {
  return async ({ macs, address }) => {
    const socket = await openSocket(networks.own.address);
    try {
      for (const target of wakeTargets(networks, address))
        for (const mac of macs) await send(socket, magicPacket(parseMac(mac)), target);
    } finally {
      socket.close();
    }
  };
}

function openSocket(address: Ipv4): Promise<Socket> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, address, () => {
      socket.setBroadcast(true);
      resolve(socket);
    });
  });
}

function send(socket: Socket, packet: Uint8Array, target: Ipv4): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(packet, WAKE_PORT, target, (error) => (error === null ? resolve() : reject(error)));
  });
}

function addressOf(text: string): Ipv4 | undefined {
  // IPv6 has no broadcast; a machine that was seen by it is called in the interface's subnet.
  return /^\d+(\.\d+){3}$/.test(text) ? parseIpv4(text) : undefined;
}
