import type { Ipv4 } from "@ingot/wire";
import { DEFAULT_MAX_MESSAGE_BYTES } from "./limits.ts";
import { MessageType } from "./message-type.ts";
import { OptionCode } from "./option-code.ts";
import { ipv4Value, readU16Option, u8Value } from "./option-values.ts";
import { FLAG_BROADCAST, NO_ADDRESS, Op } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";

/** An answer never asks for IP fragments: Ethernet's payload is the most it may fill. */
const ETHERNET_MTU = 1500;

/** The parts of a reply that depend on what is answered. */
export interface ReplyParts {
  readonly type: MessageType;
  readonly serverAddress: Ipv4;
  readonly yiaddr?: Ipv4;
  readonly siaddr?: Ipv4;
  readonly sname?: string;
  readonly file?: string;
  readonly options?: Iterable<readonly [number, Uint8Array]>;
}

/**
 * A reply to `request` (RFC 2131 §4.3.1, table 3). Copied from the request: xid, flags, giaddr, chaddr, the client
 * identifier (RFC 6842 §3) and the relay agent information (RFC 3046 §2.2).
 */
export function replyTo(request: DhcpPacket, parts: ReplyParts): DhcpPacket {
  const options = new Map<number, Uint8Array>([
    [OptionCode.messageType, u8Value(parts.type)],
    [OptionCode.serverIdentifier, ipv4Value(parts.serverAddress)],
    ...(parts.options ?? []),
  ]);
  for (const code of [OptionCode.clientIdentifier, OptionCode.relayAgentInformation]) {
    const value = request.options.get(code);
    if (value !== undefined) options.set(code, value);
  }
  const isNak = parts.type === MessageType.nak;
  // A relayed NAK must reach a client that may be on the wrong subnet: the relay broadcasts it (RFC 2131 §4.3.2).
  const flags = isNak && request.giaddr !== NO_ADDRESS ? request.flags | FLAG_BROADCAST : request.flags;
  return {
    op: Op.bootReply,
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags,
    ciaddr: parts.type === MessageType.ack ? request.ciaddr : NO_ADDRESS,
    yiaddr: parts.yiaddr ?? NO_ADDRESS,
    siaddr: parts.siaddr ?? NO_ADDRESS,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: parts.sname ?? "",
    file: parts.file ?? "",
    options,
  };
}

/** The largest message that the client takes (option 57), never more than fits one Ethernet frame. */
export function maxMessageBytesOf(request: DhcpPacket): number {
  const asked = readU16Option(request.options, OptionCode.maximumMessageSize) ?? DEFAULT_MAX_MESSAGE_BYTES;
  return Math.min(Math.max(asked, DEFAULT_MAX_MESSAGE_BYTES), ETHERNET_MTU);
}
