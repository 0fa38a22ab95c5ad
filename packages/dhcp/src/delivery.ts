import type { Ipv4 } from "@ingot/wire";
import { MessageType } from "./message-type.ts";
import { FLAG_BROADCAST, NO_ADDRESS } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";

/** DHCP's own ports and the one of PXE boot servers (RFC 2131 §4.1, PXE 2.1 §2.2). */
export const Port = { server: 67, client: 68, bootServer: 4011 } as const;

/** Where an answer goes. */
export interface Delivery {
  /** `unicast` needs no more than the address; `broadcast` is 255.255.255.255 and must leave by the server's own device. */
  readonly kind: "relay" | "unicast" | "broadcast";
  readonly address: Ipv4;
  readonly port: number;
}

const EVERYONE = "255.255.255.255" as Ipv4;

/**
 * Where to send the answer of type `type` to `request` (RFC 2131 §4.1):
 *
 * 1. through the relay that forwarded it (`giaddr`, server port);
 * 2. a NAK otherwise always by broadcast, because the client's address is what is wrong (§4.3.2);
 * 3. to the address that the client already uses (`ciaddr`);
 * 4. otherwise by broadcast. §4.1 would rather unicast to `yiaddr` when the broadcast flag is clear, which needs an
 *    ARP entry for a host that cannot answer ARP yet; every client accepts the broadcast, which §4.1 allows.
 */
export function deliveryOf(request: Pick<DhcpPacket, "giaddr" | "ciaddr" | "flags">, type: MessageType): Delivery {
  if (request.giaddr !== NO_ADDRESS) return { kind: "relay", address: request.giaddr, port: Port.server };
  const toKnownAddress =
    request.ciaddr !== NO_ADDRESS && type !== MessageType.nak && (request.flags & FLAG_BROADCAST) === 0;
  if (toKnownAddress) return { kind: "unicast", address: request.ciaddr, port: Port.client };
  return { kind: "broadcast", address: EVERYONE, port: Port.client };
}
