import { DecodeError } from "@ingot/wire";
import type { Ipv4, Mac } from "@ingot/wire";
import type { Decision, IgnoredReason } from "./decision.ts";
import { MAX_HOPS } from "./limits.ts";
import { MessageType } from "./message-type.ts";
import { OptionCode } from "./option-code.ts";
import { requireU8Option } from "./option-values.ts";
import { NO_ADDRESS, Op, macOf } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(MessageType));

/** The message type; throws `DecodeError` `invalid` when option 53 is missing (plain BOOTP) or not defined by RFC 2132 §9.6. */
export function messageTypeOf(packet: DhcpPacket): MessageType {
  const type = requireU8Option(packet.options, OptionCode.messageType);
  if (!KNOWN_TYPES.has(type)) {
    throw new DecodeError("invalid", `message type is ${type}, expected 1 to 8`, { what: "DHCP packet", offset: 0 });
  }
  return type as MessageType;
}

/** What every event says about its message. */
export function eventBaseOf(
  packet: DhcpPacket,
  messageType: MessageType | undefined,
): {
  readonly xid: number;
  readonly mac: Mac | undefined;
  readonly messageType: MessageType | undefined;
  readonly giaddr: Ipv4 | undefined;
} {
  return {
    xid: packet.xid,
    mac: macOf(packet),
    messageType,
    giaddr: packet.giaddr === NO_ADDRESS ? undefined : packet.giaddr,
  };
}

/** The decision not to answer, with its reason. */
export function ignored(
  packet: DhcpPacket,
  type: MessageType | undefined,
  reason: IgnoredReason,
  server?: Ipv4,
): Decision {
  return {
    event: { ...eventBaseOf(packet, type), kind: "ignored", reason, ...(server === undefined ? {} : { server }) },
  };
}

/** Refuses what no server answers: replies, and messages that went round in circles between relays. */
export function refuseAtTheDoor(packet: DhcpPacket): Decision | undefined {
  if (packet.op !== Op.bootRequest) return ignored(packet, undefined, "not-a-request");
  if (packet.hops > MAX_HOPS) return ignored(packet, undefined, "too-many-hops");
  return undefined;
}
