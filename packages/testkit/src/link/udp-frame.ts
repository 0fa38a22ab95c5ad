import { LinkType } from "./pcap.ts";
import type { Pcap } from "./pcap.ts";

/** A UDP datagram and who sent it to whom. */
export interface UdpDatagram {
  /** Dotted IPv4 address. */
  readonly sourceAddress: string;
  readonly sourcePort: number;
  /** Dotted IPv4 address. */
  readonly destinationAddress: string;
  readonly destinationPort: number;
  /** A view when it was decoded from a frame. */
  readonly payload: Uint8Array;
}

const ETHERNET_HEADER_BYTES = 14;
const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const PROTOCOL_UDP = 17;
const MORE_FRAGMENTS_OR_OFFSET = 0x3fff;

/** Every UDP datagram of a capture, in order; other frames are left out. */
export function udpOfPcap(pcap: Pcap): readonly UdpDatagram[] {
  return pcap.frames.flatMap((frame) => udpOfFrame(frame.bytes, pcap.linkType) ?? []);
}

/**
 * The UDP datagram of a frame, or undefined when the frame holds something else: another protocol, IPv6, a fragment,
 * or a datagram that the capture cut short.
 *
 * @throws {Error} when the link type is not one of `LinkType`.
 */
export function udpOfFrame(frame: Uint8Array, linkType: number = LinkType.ethernet): UdpDatagram | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const ip = offsetOfIpv4(view, linkType);
  if (ip === undefined || frame.length < ip + IPV4_HEADER_BYTES) {
    return undefined;
  }
  const ipHeaderBytes = (view.getUint8(ip) & 0x0f) * 4;
  const isUdp = view.getUint8(ip) >> 4 === 4 && view.getUint8(ip + 9) === PROTOCOL_UDP;
  const isFragment = (view.getUint16(ip + 6) & MORE_FRAGMENTS_OR_OFFSET) !== 0;
  const udp = ip + ipHeaderBytes;
  if (!isUdp || isFragment || frame.length < udp + UDP_HEADER_BYTES) {
    return undefined;
  }
  const udpBytes = view.getUint16(udp + 4);
  if (udpBytes < UDP_HEADER_BYTES || udp + udpBytes > frame.length) {
    return undefined;
  }
  return {
    sourceAddress: frame.subarray(ip + 12, ip + 16).join("."),
    sourcePort: view.getUint16(udp),
    destinationAddress: frame.subarray(ip + 16, ip + 20).join("."),
    destinationPort: view.getUint16(udp + 2),
    payload: frame.subarray(udp + UDP_HEADER_BYTES, udp + udpBytes),
  };
}

function offsetOfIpv4(view: DataView, linkType: number): number | undefined {
  switch (linkType) {
    case LinkType.raw:
      return 0;
    case LinkType.linuxCooked:
      return view.byteLength >= 16 && view.getUint16(14) === ETHERTYPE_IPV4 ? 16 : undefined;
    case LinkType.linuxCooked2:
      return view.byteLength >= 20 && view.getUint16(0) === ETHERTYPE_IPV4 ? 20 : undefined;
    case LinkType.ethernet: {
      let offset = ETHERNET_HEADER_BYTES - 2;
      while (view.byteLength >= offset + 2 && view.getUint16(offset) === ETHERTYPE_VLAN) {
        offset += 4;
      }
      return view.byteLength >= offset + 2 && view.getUint16(offset) === ETHERTYPE_IPV4 ? offset + 2 : undefined;
    }
    default:
      throw new Error(`link type ${linkType} is not one of ${Object.values(LinkType).join(", ")}`);
  }
}

/**
 * An Ethernet frame with IPv4 and UDP headers around a datagram (RFC 791, RFC 768), both checksums filled in, so that
 * a test can write what it sent as a capture. The MAC addresses are zero.
 */
export function frameOfUdp(datagram: UdpDatagram): Uint8Array {
  const { payload } = datagram;
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES + payload.length);
  const view = new DataView(frame.buffer);
  const ip = ETHERNET_HEADER_BYTES;
  const udp = ip + IPV4_HEADER_BYTES;
  view.setUint16(12, ETHERTYPE_IPV4);
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, frame.length - ip);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, PROTOCOL_UDP);
  frame.set(datagram.sourceAddress.split(".").map(Number), ip + 12);
  frame.set(datagram.destinationAddress.split(".").map(Number), ip + 16);
  view.setUint16(ip + 10, internetChecksum(frame.subarray(ip, udp)));
  view.setUint16(udp, datagram.sourcePort);
  view.setUint16(udp + 2, datagram.destinationPort);
  view.setUint16(udp + 4, frame.length - udp);
  frame.set(payload, udp + UDP_HEADER_BYTES);
  // The pseudo-header: both addresses (already at ip + 12), the protocol and the UDP length.
  const pseudo = PROTOCOL_UDP + (frame.length - udp);
  const checksum = internetChecksum(frame.subarray(ip + 12), pseudo);
  // RFC 768: a computed checksum of zero is sent as all ones, because zero means "none".
  view.setUint16(udp + 6, checksum === 0 ? 0xffff : checksum);
  return frame;
}

/** RFC 1071. */
function internetChecksum(bytes: Uint8Array, initial = 0): number {
  let sum = initial;
  for (let index = 0; index < bytes.length; index += 2) {
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  }
  return ~sum & 0xffff;
}
