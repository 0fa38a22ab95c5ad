import { expect, test } from "vitest";
import { clientMessage, optionsOf } from "../test/messages.ts";
import { clientKeyOf } from "./client-identity.ts";
import { MessageType } from "./message-type.ts";

const withBoth = clientMessage(MessageType.discover, { options: optionsOf({ 61: [0xff, 1, 2] }) });

test("by hardware, one machine keeps one key whatever identifier its firmware, iPXE and system send", () => {
  expect(clientKeyOf(withBoth, "hardware")).toBe("hw:1:525400000001");
  expect(clientKeyOf(clientMessage(MessageType.discover), "hardware")).toBe("hw:1:525400000001");
});

test("RFC 2131 §4.2: by client-id, the identifier wins where there is one", () => {
  expect(clientKeyOf(withBoth, "client-id")).toBe("id:ff0102");
  expect(clientKeyOf(clientMessage(MessageType.discover), "client-id")).toBe("hw:1:525400000001");
});

test("a client without a hardware address is known by its identifier, or not at all", () => {
  const bare = { htype: 32, hlen: 0 };
  expect(clientKeyOf({ ...withBoth, ...bare }, "hardware")).toBe("id:ff0102");
  expect(clientKeyOf(clientMessage(MessageType.discover, bare), "hardware")).toBeUndefined();
  expect(clientKeyOf(clientMessage(MessageType.discover, { mac: "00:00:00:00:00:00" }), "hardware")).toBeUndefined();
});

test("an identifier of unreasonable length is treated as absent", () => {
  const long = clientMessage(MessageType.discover, { options: new Map([[61, new Uint8Array(256).fill(1)]]) });
  expect(clientKeyOf(long, "client-id")).toBe("hw:1:525400000001");
});
