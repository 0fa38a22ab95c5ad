import { expect, test } from "vitest";
import { LinkType, readPcap, writePcap } from "./pcap.ts";
import { frameOfUdp, udpOfFrame, udpOfPcap } from "./udp-frame.ts";
import type { UdpDatagram } from "./udp-frame.ts";

const ack: UdpDatagram = {
  sourceAddress: "10.0.0.2",
  sourcePort: 2070,
  destinationAddress: "10.0.0.1",
  destinationPort: 40_000,
  payload: Uint8Array.of(0, 4, 0, 1),
};

// The same datagram, byte by byte.
// prettier-ignore
const ackFrame = Uint8Array.of(
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00, // Ethernet: to, from, IPv4
  0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0x66, 0xcb, // IPv4: 20 header bytes, 32 in all, UDP, checksum
  10, 0, 0, 2, 10, 0, 0, 1, // from, to
  0x08, 0x16, 0x9c, 0x40, 0, 12, 0x47, 0x78, // UDP: 2070 -> 40000, 12 bytes, checksum
  0, 4, 0, 1, // TFTP: ACK 1
);

test("a datagram becomes the frame that stands on the wire, and comes back", () => {
  expect(frameOfUdp(ack)).toEqual(ackFrame);
  expect(udpOfFrame(ackFrame)).toEqual(ack);
});

test("what is written is read again, with its times", () => {
  const frames = [
    { timestampUs: 1_700_000_000_123_456n, bytes: ackFrame, lengthOnWire: ackFrame.length },
    { timestampUs: 1_700_000_000_123_457n, bytes: ackFrame.subarray(0, 20), lengthOnWire: ackFrame.length },
  ];
  const pcap = { linkType: LinkType.ethernet, frames };
  expect(readPcap(writePcap(pcap))).toEqual(pcap);
  expect(udpOfPcap(pcap)).toEqual([ack]);
});

test("big-endian files with nanoseconds are read too", () => {
  const file = new Uint8Array(24 + 16 + 1);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0xa1b23c4d);
  view.setUint32(20, LinkType.raw);
  view.setUint32(24, 2);
  view.setUint32(28, 5000);
  view.setUint32(32, 1);
  view.setUint32(36, 60);
  file[40] = 0x45;
  expect(readPcap(file)).toEqual({
    linkType: LinkType.raw,
    frames: [{ timestampUs: 2_000_005n, bytes: Uint8Array.of(0x45), lengthOnWire: 60 }],
  });
});

test("a VLAN tag is skipped", () => {
  const tagged = new Uint8Array(ackFrame.length + 4);
  tagged.set(ackFrame.subarray(0, 12));
  tagged.set([0x81, 0x00, 0x00, 0x05], 12);
  tagged.set(ackFrame.subarray(12), 16);
  expect(udpOfFrame(tagged)).toEqual(ack);
});

test("other frames are no datagrams: fragment, TCP, IPv6, cut short", () => {
  const changed = (offset: number, value: number): Uint8Array => ackFrame.with(offset, value);
  for (const frame of [changed(20, 0x20), changed(23, 6), changed(12, 0x86), ackFrame.subarray(0, 44)]) {
    expect(udpOfFrame(frame)).toBeUndefined();
  }
});

test("files that are no captures are refused with the reason", () => {
  const good = writePcap({
    linkType: LinkType.ethernet,
    frames: [{ timestampUs: 0n, bytes: ackFrame, lengthOnWire: ackFrame.length }],
  });
  expect(() => readPcap(good.subarray(0, 10))).toThrow("at least the 24 bytes");
  expect(() => readPcap(good.subarray(0, 30))).toThrow("inside the header of frame 0");
  expect(() => readPcap(good.subarray(0, 60))).toThrow("46 bytes, 20 are left");
  expect(() => readPcap(good.with(0, 0))).toThrow("unknown magic");
  expect(() => readPcap(Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a, ...new Uint8Array(20)))).toThrow("pcapng");
});
