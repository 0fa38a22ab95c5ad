import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPcap, udpOfPcap } from "@ingot/testkit/link";
import type { UdpDatagram } from "@ingot/testkit/link";
import { hexFromBytes } from "@ingot/wire";
import { expect, test } from "vitest";
import { OptionCode, decodePacket, encodePacket, nameOfMessageType, nameOfOption } from "../src/index.ts";
import type { DhcpPacket } from "../src/index.ts";

const CAPTURES = join(import.meta.dirname, "captures");
const REWRITE = process.env["UPDATE_CAPTURES"] !== undefined;
const LARGEST = 4000;

/** Options whose bytes are text, for a golden that people can read. */
const TEXT_OPTIONS: ReadonlySet<number> = new Set([
  OptionCode.hostName,
  OptionCode.domainName,
  OptionCode.vendorClass,
  OptionCode.tftpServerName,
  OptionCode.bootFileName,
  OptionCode.userClass,
]);

test.each(readdirSync(CAPTURES).filter((name) => name.endsWith(".pcap")))(
  "%s: every message decodes as its golden says, and comes back from its own encoding",
  (name) => {
    const datagrams = udpOfPcap(readPcap(new Uint8Array(readFileSync(join(CAPTURES, name)))));
    expect(datagrams.length).toBeGreaterThan(0);
    for (const { payload } of datagrams) {
      const packet = decodePacket(payload);
      expect(decodePacket(encodePacket(packet, { maxMessageBytes: LARGEST }))).toEqual(packet);
    }
    const golden = join(CAPTURES, name.replace(/pcap$/, "txt"));
    const text = datagrams.map(describe).join("\n");
    if (REWRITE) writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, "utf8"));
  },
);

function describe(datagram: UdpDatagram): string {
  const packet = decodePacket(datagram.payload);
  const { sourceAddress, sourcePort, destinationAddress, destinationPort } = datagram;
  const lines = [
    `${sourceAddress}:${sourcePort} -> ${destinationAddress}:${destinationPort}, ${datagram.payload.length} bytes`,
    `  op=${packet.op} htype=${packet.htype} hlen=${packet.hlen} hops=${packet.hops} xid=${packet.xid.toString(16)} secs=${packet.secs} flags=${packet.flags.toString(16)}`,
    `  ciaddr=${packet.ciaddr} yiaddr=${packet.yiaddr} siaddr=${packet.siaddr} giaddr=${packet.giaddr}`,
    `  chaddr=${hexFromBytes(packet.chaddr)} sname=${JSON.stringify(packet.sname)} file=${JSON.stringify(packet.file)}`,
    ...describeOptions(packet),
  ];
  return `${lines.join("\n")}\n`;
}

function describeOptions(packet: DhcpPacket): string[] {
  return Array.from(packet.options, ([code, value]) => {
    const shown = TEXT_OPTIONS.has(code) ? JSON.stringify(String.fromCharCode(...value)) : hexFromBytes(value);
    const meaning = code === OptionCode.messageType ? ` (${nameOfMessageType(value[0] ?? 0)})` : "";
    return `  ${code} ${nameOfOption(code)}: ${shown}${meaning}`;
  });
}
