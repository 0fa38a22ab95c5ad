import { parseIpv4Network } from "@ingot/wire";
import { expect, test } from "vitest";
import { clientMessage, ip, optionsOf } from "../test/messages.ts";
import type { BootAnswer } from "./boot-answer.ts";
import type { Decision } from "./decision.ts";
import { decideFull } from "./full-server.ts";
import { LeaseTable } from "./lease-table.ts";
import { MessageType } from "./message-type.ts";
import type { DhcpPacket } from "./packet.ts";

const SERVER = ip("10.0.0.1");
const answer: BootAnswer = {
  bootFile: "undionly.kpxe",
  nextServer: SERVER,
  style: "option43",
  summary: "undionly.kpxe by TFTP",
};

function depsWith({ decideBoot }: { readonly decideBoot: () => BootAnswer | undefined }) {
  const subnet = {
    network: parseIpv4Network("10.0.0.1/24"),
    range: { first: ip("10.0.0.10"), last: ip("10.0.0.19") },
  };
  return { serverAddress: SERVER, table: new LeaseTable([subnet]), identifyBy: "hardware", decideBoot } as const;
}

function replyOf(decision: Decision): DhcpPacket {
  if (decision.reply === undefined) throw new Error(`no reply: ${JSON.stringify(decision.event)}`);
  return decision.reply.packet;
}

function hex(packet: DhcpPacket): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from(packet.options, ([code, value]) => [code, Buffer.from(value).toString("hex")]));
}

const pxe = { 60: "PXEClient:Arch:00000:UNDI:002001", 93: [0, 0], 97: [0, ...new Uint8Array(16).fill(7)] };
const answered = (options: Parameters<typeof optionsOf>[0], boot: BootAnswer = answer) =>
  replyOf(
    decideFull(
      clientMessage(MessageType.discover, { options: optionsOf(options) }),
      depsWith({ decideBoot: () => boot }),
      0,
    ),
  );

test("option 43: boot file in file and option 67, server in siaddr, sname and option 66, UUID back", () => {
  const reply = answered(pxe);
  expect(reply).toMatchObject({ siaddr: "10.0.0.1", sname: "10.0.0.1", file: "undionly.kpxe", yiaddr: "10.0.0.10" });
  expect(hex(reply)).toMatchObject({
    43: "060108ff",
    60: Buffer.from("PXEClient").toString("hex"),
    66: Buffer.from("10.0.0.1").toString("hex"),
    67: Buffer.from("undionly.kpxe").toString("hex"),
    97: `00${"07".repeat(16)}`,
  });
});

test.each([
  ["a network card's iPXE", { ...pxe, 77: "iPXE" }, "b00101"],
  ["iPXE with a user class of its own", { ...pxe, 77: "site", 175: [0xb1, 1, 1] }, "b00101"],
  ["iPXE that asks without a vendor class", { 175: [0xb1, 1, 1] }, "b00101"],
  ["a ROM that is not iPXE", pxe, undefined],
  ["an operating system", { 60: "MSFT 5.0" }, undefined],
])("%s: waiting for a proxyDHCP server is ended only for iPXE", (_name, options, expected) => {
  for (const type of [MessageType.discover, MessageType.request]) {
    const request = clientMessage(type, { options: optionsOf({ ...options, 50: [10, 0, 0, 10], 54: [10, 0, 0, 1] }) });
    expect(hex(replyOf(decideFull(request, depsWith({ decideBoot: () => answer }), 0)))[175]).toBe(expected);
  }
});

test("a client without option 97 gets none", () => {
  expect(answered({ 60: pxe[60], 93: pxe[93] }).options.has(97)).toBe(false);
});

test("the style port4011 is a plain answer: neither option 43 nor the vendor class", () => {
  const reply = answered(pxe, { ...answer, style: "port4011" });
  expect([reply.options.has(43), reply.options.has(60), reply.file, reply.siaddr]).toEqual([
    false,
    false,
    "undionly.kpxe",
    "10.0.0.1",
  ]);
});

test("UEFI HTTP boot: the class comes back and no other server is named", () => {
  const url = "http://10.0.0.1:8471/boot/files/snponly.efi";
  const reply = answered({ 60: "HTTPClient:Arch:00016:UNDI:003001", 93: [0, 16] }, { ...answer, bootFile: url });
  expect(reply).toMatchObject({ siaddr: "0.0.0.0", sname: "", file: url });
  expect(hex(reply)).toMatchObject({
    60: Buffer.from("HTTPClient").toString("hex"),
    67: Buffer.from(url).toString("hex"),
  });
  expect([reply.options.has(66), reply.options.has(43)]).toEqual([false, false]);
});

test("a URL too long for the file field stands in option 67 alone", () => {
  const url = `http://10.0.0.1/${"x".repeat(150)}`;
  const reply = answered(pxe, { ...answer, bootFile: url });
  expect([reply.file, reply.options.get(67)?.length]).toEqual(["", url.length]);
});

test.each([
  ["no architecture", { 60: "PXEClient" }],
  ["another vendor class", { 60: "MSFT 5.0", 93: [0, 0] }],
  ["no vendor class", { 93: [0, 0] }],
])("a client with %s is not asked about", (_name, options) => {
  expect(answered(options)).toMatchObject({ siaddr: "0.0.0.0", file: "" });
});

test("a machine that shall not boot gets its address all the same", () => {
  const decision = decideFull(
    clientMessage(MessageType.discover, { options: optionsOf(pxe) }),
    depsWith({ decideBoot: () => undefined }),
    0,
  );
  expect(decision).toMatchObject({
    event: { kind: "offer", boot: undefined },
    reply: { packet: { siaddr: "0.0.0.0", file: "" } },
  });
});
