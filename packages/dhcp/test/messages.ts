import { ipv4ToBytes, macToBytes, parseIpv4, parseMac } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { NO_ADDRESS, Op, OptionCode, chaddrFrom } from "../src/index.ts";
import type { DhcpPacket, MessageType, OptionMap } from "../src/index.ts";

/** A client's message for tests: what is not given is empty, as in a DISCOVER of a client without an address. */
export function clientMessage(
  type: MessageType,
  parts: Partial<DhcpPacket> & { readonly mac?: string } = {},
): DhcpPacket {
  const { mac = "52:54:00:00:00:01", options, ...rest } = parts;
  return {
    op: Op.bootRequest,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0x1234_5678,
    secs: 0,
    flags: 0,
    ciaddr: NO_ADDRESS,
    yiaddr: NO_ADDRESS,
    siaddr: NO_ADDRESS,
    giaddr: NO_ADDRESS,
    chaddr: chaddrFrom(macToBytes(parseMac(mac))),
    sname: "",
    file: "",
    ...rest,
    options: new Map([[OptionCode.messageType, Uint8Array.of(type)], ...(options ?? [])]),
  };
}

/** Options from readable values: text, an address, or bytes. */
export function optionsOf(values: Readonly<Record<number, string | readonly number[]>>): OptionMap {
  return new Map(
    Object.entries(values).map(([code, value]) => [
      Number(code),
      typeof value === "string" ? new TextEncoder().encode(value) : Uint8Array.from(value),
    ]),
  );
}

/** The bytes of a dotted address, for `optionsOf`. */
export function addressBytes(text: string): readonly number[] {
  return [...ipv4ToBytes(parseIpv4(text))];
}

/** A dotted address as the branded type. */
export function ip(text: string): Ipv4 {
  return parseIpv4(text);
}
