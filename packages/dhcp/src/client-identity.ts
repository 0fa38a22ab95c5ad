import { hexFromBytes } from "@ingot/wire";
import { MAX_CLIENT_ID_BYTES } from "./limits.ts";
import { OptionCode } from "./option-code.ts";
import type { DhcpPacket } from "./packet.ts";

/** Which field says that two messages come from the same client. */
export type IdentifyBy = "hardware" | "client-id";

/**
 * The key under which a client's lease is kept: `hw:<htype>:<hex>` or `id:<hex>`; `undefined` when the message names
 * no client at all.
 *
 * RFC 2131 §4.2 makes the client identifier (option 61) the key whenever it is there. With `hardware`, the default of
 * the server, the hardware address comes first, because one diskless machine speaks with three identifiers
 * within a minute (firmware, iPXE, operating system) and must keep one address: its root disk hangs on it.
 */
export function clientKeyOf(
  packet: Pick<DhcpPacket, "htype" | "hlen" | "chaddr" | "options">,
  identifyBy: IdentifyBy,
): string | undefined {
  const hardware = hardwareKeyOf(packet);
  const clientId = packet.options.get(OptionCode.clientIdentifier);
  const id =
    clientId === undefined || clientId.length === 0 || clientId.length > MAX_CLIENT_ID_BYTES
      ? undefined
      : `id:${hexFromBytes(clientId)}`;
  return identifyBy === "hardware" ? (hardware ?? id) : (id ?? hardware);
}

function hardwareKeyOf(packet: Pick<DhcpPacket, "htype" | "hlen" | "chaddr">): string | undefined {
  const address = packet.chaddr.subarray(0, packet.hlen);
  // An all-zero or empty hardware address (InfiniBand, RFC 4390 §2.1) is shared by many clients.
  if (!address.some((byte) => byte !== 0)) return undefined;
  return `hw:${packet.htype}:${hexFromBytes(address)}`;
}
