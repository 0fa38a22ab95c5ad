import { expect, test } from "vitest";
import { addressBytes, clientMessage, ip, optionsOf } from "../test/messages.ts";
import type { BootAnswer, PxeStyle } from "./boot-answer.ts";
import type { BootFacts } from "./boot-facts.ts";
import { MessageType } from "./message-type.ts";
import { decideBootServer, decideProxy } from "./proxy-server.ts";

const answer: BootAnswer = {
  bootFile: "snponly.efi",
  nextServer: ip("10.0.0.1"),
  style: "option43",
  summary: "snponly.efi by TFTP",
};
const uefi = {
  60: "PXEClient:Arch:00007:UNDI:003016",
  93: [0, 7],
  94: [1, 3, 16],
  97: [0, ...new Uint8Array(16).fill(9)],
};

function deps(
  style: PxeStyle = "option43",
  decideBoot: (facts: BootFacts) => BootAnswer | undefined = () => ({ ...answer, style }),
) {
  return { serverAddress: ip("10.0.0.1"), decideBoot };
}

test("a DISCOVER of PXE firmware: an offer without an address, with option 43", () => {
  const decision = decideProxy(clientMessage(MessageType.discover, { options: optionsOf(uefi) }), deps());
  expect(decision).toMatchObject({
    event: {
      kind: "proxy-offer",
      boot: answer,
      facts: { architectures: [7], networkInterface: { type: 1, major: 3, minor: 16 } },
    },
    reply: { delivery: { kind: "broadcast" }, packet: { yiaddr: "0.0.0.0", siaddr: "10.0.0.1", file: "snponly.efi" } },
  });
  expect([...(decision.reply?.packet.options.keys() ?? [])]).toEqual([53, 54, 67, 66, 60, 43, 97]);
});

test("iPXE is never told beside another server to stop waiting for this one", () => {
  const options = optionsOf({ ...uefi, 77: "iPXE", 175: [0xb1, 1, 1] });
  for (const decision of [
    decideProxy(clientMessage(MessageType.discover, { options }), deps()),
    decideBootServer(clientMessage(MessageType.request, { ciaddr: ip("10.0.0.77"), options }), deps()),
  ])
    expect(decision.reply?.packet.options.has(175)).toBe(false);
});

test("the style port4011: the offer has the vendor class and no option 43, so the firmware asks the boot server", () => {
  const decision = decideProxy(clientMessage(MessageType.discover, { options: optionsOf(uefi) }), deps("port4011"));
  expect([...(decision.reply?.packet.options.keys() ?? [])]).toEqual([53, 54, 67, 66, 60, 97]);
});

test("the boot server answers on port 4011 at the sender, with option 43 and the boot item of the request", () => {
  const options = optionsOf({ ...uefi, 43: [71, 4, 0x80, 0, 0, 0, 255], 54: addressBytes("10.0.0.1") });
  const decision = decideBootServer(
    clientMessage(MessageType.request, { ciaddr: ip("10.0.0.77"), options }),
    deps("port4011"),
  );
  expect(decision).toMatchObject({
    event: { kind: "boot-server-ack", boot: { bootFile: "snponly.efi" } },
    reply: {
      delivery: "sender",
      packet: { ciaddr: "10.0.0.77", yiaddr: "0.0.0.0", siaddr: "10.0.0.1", file: "snponly.efi" },
    },
  });
  expect(decision.reply?.packet.options.get(43)).toEqual(Uint8Array.of(6, 1, 8, 71, 4, 0x80, 0, 0, 0, 255));
});

test("a relayed DISCOVER is answered through the relay", () => {
  const decision = decideProxy(
    clientMessage(MessageType.discover, { giaddr: ip("10.1.0.1"), options: optionsOf(uefi) }),
    deps(),
  );
  expect(decision.reply?.delivery).toEqual({ kind: "relay", address: "10.1.0.1", port: 67 });
});

test.each([
  ["an ordinary client's DISCOVER", clientMessage(MessageType.discover), "not-a-boot-client"],
  [
    "a PXE client without an architecture",
    clientMessage(MessageType.discover, { options: optionsOf({ 60: "PXEClient" }) }),
    "not-a-boot-client",
  ],
  [
    "a REQUEST, which is for the real DHCP server",
    clientMessage(MessageType.request, { options: optionsOf(uefi) }),
    "unexpected-message-type",
  ],
  ["a reply", { ...clientMessage(MessageType.discover), op: 2 as const }, "not-a-request"],
])("on port 67, ignored: %s", (_name, packet, reason) => {
  expect(decideProxy(packet, deps())).toEqual({ event: expect.objectContaining({ kind: "ignored", reason }) });
});

test.each([
  ["an ordinary client", clientMessage(MessageType.request), "not-a-boot-client"],
  ["a DISCOVER", clientMessage(MessageType.discover, { options: optionsOf(uefi) }), "unexpected-message-type"],
])("on port 4011, ignored: %s", (_name, packet, reason) => {
  expect(decideBootServer(packet, deps())).toEqual({ event: expect.objectContaining({ kind: "ignored", reason }) });
});

test("a machine without a boot answer gets silence on both ports", () => {
  const silent = deps("option43", () => undefined);
  expect(decideProxy(clientMessage(MessageType.discover, { options: optionsOf(uefi) }), silent).event).toMatchObject({
    reason: "no-boot-answer",
  });
  expect(
    decideBootServer(clientMessage(MessageType.request, { options: optionsOf(uefi) }), silent).event,
  ).toMatchObject({ reason: "no-boot-answer" });
});
