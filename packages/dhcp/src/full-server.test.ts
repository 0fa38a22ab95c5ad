import { parseIpv4Network, parseMac } from "@ingot/wire";
import { describe, expect, test } from "vitest";
import { addressBytes, clientMessage, ip, optionsOf } from "../test/messages.ts";
import type { Decision } from "./decision.ts";
import { decideFull } from "./full-server.ts";
import type { FullServerDeps } from "./full-server.ts";
import { LeaseTable } from "./lease-table.ts";
import { MessageType } from "./message-type.ts";
import { FLAG_BROADCAST, Op } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import type { SubnetConfig } from "./subnet.ts";

const SERVER = ip("10.0.0.1");
const local: SubnetConfig = {
  network: parseIpv4Network("10.0.0.1/24"),
  range: { first: ip("10.0.0.10"), last: ip("10.0.0.19") },
  router: ip("10.0.0.254"),
  dns: [ip("10.0.0.2"), ip("10.0.0.3")],
  domainName: "lab.example",
  leaseSeconds: 3600,
  reservations: [{ mac: parseMac("52:54:00:00:00:aa"), address: ip("10.0.0.50") }],
};
const remote: SubnetConfig = {
  network: parseIpv4Network("10.1.0.0/24"),
  range: { first: ip("10.1.0.10"), last: ip("10.1.0.19") },
};

function depsWith(parts: Partial<FullServerDeps> = {}): FullServerDeps {
  return {
    serverAddress: SERVER,
    table: new LeaseTable([local, remote]),
    identifyBy: "hardware",
    decideBoot: () => undefined,
    ...parts,
  };
}

function replyOf(decision: Decision): DhcpPacket {
  if (decision.reply === undefined) throw new Error(`no reply: ${JSON.stringify(decision.event)}`);
  return decision.reply.packet;
}

function hex(packet: DhcpPacket): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from(packet.options, ([code, value]) => [code, Buffer.from(value).toString("hex")]));
}

const discover = clientMessage(MessageType.discover);
const request = (parts: Parameters<typeof clientMessage>[1]) => clientMessage(MessageType.request, parts);
const selecting = (address: string, server = "10.0.0.1", mac = "52:54:00:00:00:01") =>
  request({ mac, options: optionsOf({ 54: addressBytes(server), 50: addressBytes(address) }) });
const initReboot = (address: string) => request({ options: optionsOf({ 50: addressBytes(address) }) });

test("RFC 2131 table 3: an OFFER, whole", () => {
  const decision = decideFull(discover, depsWith(), 0);
  expect(decision).toMatchObject({
    event: { kind: "offer", address: "10.0.0.10", boot: undefined },
    reply: { delivery: { kind: "broadcast" }, maxMessageBytes: 576 },
  });
  expect(decision.store).toBeUndefined();
  expect(replyOf(decision)).toMatchObject({
    op: Op.bootReply,
    xid: 0x1234_5678,
    yiaddr: "10.0.0.10",
    ciaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    chaddr: discover.chaddr,
    sname: "",
    file: "",
  });
  expect(hex(replyOf(decision))).toEqual({
    53: "02",
    54: "0a000001",
    51: "00000e10",
    58: "00000708",
    59: "00000c4e",
    1: "ffffff00",
    28: "0a0000ff",
    3: "0a0000fe",
    6: "0a0000020a000003",
    15: Buffer.from("lab.example").toString("hex"),
  });
});

test("the lease is stored as it is acknowledged, with the client's name", () => {
  const deps = depsWith();
  decideFull(discover, deps, 0);
  const decision = decideFull(
    clientMessage(MessageType.request, {
      options: new Map([...selecting("10.0.0.10").options, ...optionsOf({ 12: "pc-1" })]),
    }),
    deps,
    1000,
  );
  expect(decision.store).toEqual({
    kind: "save",
    lease: { client: "hw:1:525400000001", address: "10.0.0.10", expiresAtMs: 3_601_000, hostName: "pc-1" },
  });
  expect(decision.event).toMatchObject({ kind: "ack", address: "10.0.0.10" });
});

test("RFC 2132 §9.2: a client gets a shorter lease when it asks for one, but no longer and no absurd one", () => {
  const asks = (seconds: readonly number[]) =>
    hex(
      replyOf(decideFull(clientMessage(MessageType.discover, { options: optionsOf({ 51: seconds }) }), depsWith(), 0)),
    )[51];
  expect(asks([0, 0, 2, 88])).toBe("00000258");
  expect(asks([0xff, 0xff, 0xff, 0xff])).toBe("00000e10");
  expect(asks([0, 0, 0, 1])).toBe("00000078");
});

test("RFC 6842 and RFC 3046: the client identifier and the relay's information come back, the latter last", () => {
  const options = optionsOf({ 82: [1, 1, 7], 61: [1, 2, 3] });
  const reply = replyOf(
    decideFull(clientMessage(MessageType.discover, { giaddr: ip("10.1.0.1"), options }), depsWith(), 0),
  );
  expect(reply.options.get(61)).toEqual(Uint8Array.of(1, 2, 3));
  expect([...reply.options.keys()].at(-1)).toBe(82);
});

describe("REQUEST (RFC 2131 §4.3.2)", () => {
  test("SELECTING this server: ack", () => {
    const deps = depsWith();
    decideFull(discover, deps, 0);
    expect(decideFull(selecting("10.0.0.10"), deps, 0).event).toMatchObject({ kind: "ack" });
  });

  test("SELECTING this server after it restarted and forgot the offer: ack, as the address is free", () => {
    expect(decideFull(selecting("10.0.0.15"), depsWith(), 0).event).toMatchObject({
      kind: "ack",
      address: "10.0.0.15",
    });
  });

  test("SELECTING this server with an address that another client has meanwhile: nak by broadcast", () => {
    const deps = depsWith();
    decideFull(selecting("10.0.0.15", "10.0.0.1", "52:54:00:00:00:02"), deps, 0);
    const decision = decideFull(selecting("10.0.0.15"), deps, 0);
    expect(decision).toMatchObject({
      event: { kind: "nak", reason: "address-taken" },
      reply: { delivery: { kind: "broadcast" } },
    });
    expect(hex(replyOf(decision))).toEqual({
      53: "06",
      54: "0a000001",
      56: Buffer.from("address-taken").toString("hex"),
    });
    expect(replyOf(decision)).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "0.0.0.0" });
  });

  test("SELECTING another server: silence, its name in the event, and the offer is free for the next", () => {
    const deps = depsWith();
    decideFull(discover, deps, 0);
    const decision = decideFull(selecting("10.0.0.77", "10.0.0.9"), deps, 0);
    expect(decision).toEqual({
      event: expect.objectContaining({ kind: "ignored", reason: "chose-another-server", server: "10.0.0.9" }),
    });
    expect(replyOf(decideFull(clientMessage(MessageType.discover, { mac: "52:54:00:00:00:02" }), deps, 0)).yiaddr).toBe(
      "10.0.0.10",
    );
  });

  test("INIT-REBOOT with the address on record, even when the lease has ended: ack", () => {
    const deps = depsWith();
    decideFull(selecting("10.0.0.12"), deps, 0);
    expect(decideFull(initReboot("10.0.0.12"), deps, 9_000_000).event).toMatchObject({
      kind: "ack",
      address: "10.0.0.12",
    });
  });

  test("INIT-REBOOT of a client without a record: silence, another server may know it", () => {
    expect(decideFull(initReboot("10.0.0.12"), depsWith(), 0).event).toMatchObject({
      kind: "ignored",
      reason: "unknown-lease",
    });
    expect(decideFull(initReboot("10.0.0.99"), depsWith(), 0).event).toMatchObject({
      kind: "ignored",
      reason: "unknown-lease",
    });
  });

  test("INIT-REBOOT with an address of another network: nak", () => {
    expect(decideFull(initReboot("192.168.1.5"), depsWith(), 0).event).toMatchObject({
      kind: "nak",
      reason: "wrong-subnet",
    });
  });

  test("INIT-REBOOT with another address than the one on record: nak", () => {
    const deps = depsWith();
    decideFull(selecting("10.0.0.12"), deps, 0);
    expect(decideFull(initReboot("10.0.0.13"), deps, 0).event).toMatchObject({
      kind: "nak",
      reason: "another-address",
    });
  });

  test("RENEWING: ack by unicast to the client's address, with a new end", () => {
    const deps = depsWith();
    decideFull(selecting("10.0.0.12"), deps, 0);
    const decision = decideFull(request({ ciaddr: ip("10.0.0.12") }), deps, 1_800_000);
    expect(decision).toMatchObject({
      event: { kind: "ack" },
      store: { lease: { expiresAtMs: 5_400_000 } },
      reply: { delivery: { kind: "unicast", address: "10.0.0.12", port: 68 } },
    });
    expect(replyOf(decision).ciaddr).toBe("10.0.0.12");
  });

  test("REBINDING a lease that this server lost but could have given: taken over", () => {
    expect(decideFull(request({ ciaddr: ip("10.0.0.12") }), depsWith(), 0).event).toMatchObject({
      kind: "ack",
      address: "10.0.0.12",
    });
  });

  test("REBINDING an address of this subnet outside of the pool: silence, it is another server's", () => {
    expect(decideFull(request({ ciaddr: ip("10.0.0.99") }), depsWith(), 0).event).toMatchObject({
      kind: "ignored",
      reason: "unknown-lease",
    });
  });

  test("RENEWING through routers, without a relay: the subnet is the one of the client's address", () => {
    expect(decideFull(request({ ciaddr: ip("10.1.0.12") }), depsWith(), 0).event).toMatchObject({
      kind: "ack",
      address: "10.1.0.12",
    });
  });

  test("a REQUEST that names no address: silence", () => {
    expect(decideFull(request({}), depsWith(), 0).event).toMatchObject({ kind: "ignored", reason: "no-address-asked" });
  });
});

describe("relays", () => {
  test("the subnet is the relay's, the answer goes to the relay's server port", () => {
    const decision = decideFull(clientMessage(MessageType.discover, { giaddr: ip("10.1.0.1") }), depsWith(), 0);
    expect(decision).toMatchObject({
      event: { address: "10.1.0.10", giaddr: "10.1.0.1" },
      reply: { delivery: { kind: "relay", address: "10.1.0.1", port: 67 } },
    });
  });

  test("RFC 3527: link selection wins over giaddr", () => {
    const options = optionsOf({ 82: [5, 4, 10, 1, 0, 0] });
    expect(
      decideFull(clientMessage(MessageType.discover, { giaddr: ip("172.16.0.1"), options }), depsWith(), 0).event,
    ).toMatchObject({ address: "10.1.0.10" });
  });

  test("RFC 2131 §4.3.2: a relayed nak asks the relay to broadcast", () => {
    const decision = decideFull(
      request({ giaddr: ip("10.1.0.1"), options: optionsOf({ 50: addressBytes("10.0.0.12") }) }),
      depsWith(),
      0,
    );
    expect(decision).toMatchObject({
      event: { kind: "nak", reason: "wrong-subnet" },
      reply: { packet: { flags: FLAG_BROADCAST, giaddr: "10.1.0.1" } },
    });
  });

  test("a relay from a subnet that is not configured gets silence", () => {
    expect(
      decideFull(clientMessage(MessageType.discover, { giaddr: ip("172.16.0.1") }), depsWith(), 0).event,
    ).toMatchObject({ reason: "no-subnet" });
  });
});

test("INFORM: the settings without a lease, to the client's address", () => {
  const decision = decideFull(clientMessage(MessageType.inform, { ciaddr: ip("10.0.0.77") }), depsWith(), 0);
  expect(decision).toMatchObject({
    event: { kind: "inform-ack" },
    reply: { delivery: { kind: "unicast", address: "10.0.0.77" }, packet: { yiaddr: "0.0.0.0" } },
  });
  expect(Object.keys(hex(replyOf(decision))).map(Number)).toEqual([1, 3, 6, 15, 28, 53, 54]);
});

test("RELEASE ends the lease in the table and in the store, without an answer", () => {
  const deps = depsWith();
  decideFull(selecting("10.0.0.12"), deps, 0);
  const decision = decideFull(clientMessage(MessageType.release, { ciaddr: ip("10.0.0.12") }), deps, 5000);
  expect(decision).toEqual({
    store: {
      kind: "save",
      lease: { client: "hw:1:525400000001", address: "10.0.0.12", expiresAtMs: 5000, hostName: undefined },
    },
    event: expect.objectContaining({ kind: "release", address: "10.0.0.12" }),
  });
  expect(decideFull(clientMessage(MessageType.release, { ciaddr: ip("10.0.0.13") }), deps, 0).event).toMatchObject({
    reason: "unknown-lease",
  });
});

test("DECLINE: the client gets another address next time", () => {
  const deps = depsWith();
  decideFull(selecting("10.0.0.10"), deps, 0);
  const decline = clientMessage(MessageType.decline, {
    options: optionsOf({ 50: addressBytes("10.0.0.10"), 54: addressBytes("10.0.0.1") }),
  });
  expect(decideFull(decline, deps, 0)).toEqual({
    store: { kind: "delete", client: "hw:1:525400000001" },
    event: expect.objectContaining({ kind: "decline", address: "10.0.0.10" }),
  });
  expect(decideFull(discover, deps, 0).event).toMatchObject({ kind: "offer", address: "10.0.0.11" });
  expect(decideFull(decline, deps, 0).event).toMatchObject({ kind: "ignored", reason: "unknown-lease" });
});

test("the pool's last address is followed by silence", () => {
  const deps = depsWith({
    table: new LeaseTable([{ ...local, range: { first: ip("10.0.0.10"), last: ip("10.0.0.10") } }]),
  });
  decideFull(discover, deps, 0);
  expect(decideFull(clientMessage(MessageType.discover, { mac: "52:54:00:00:00:02" }), deps, 0).event).toMatchObject({
    reason: "pool-exhausted",
  });
});

test.each([
  ["a reply", { ...discover, op: Op.bootReply }, "not-a-request"],
  ["a message that went through 17 relays", { ...discover, hops: 17 }, "too-many-hops"],
  ["a server's message", clientMessage(MessageType.ack), "unexpected-message-type"],
  ["a client without identity", clientMessage(MessageType.discover, { hlen: 0 }), "no-client-identity"],
])("ignored: %s", (_name, packet, reason) => {
  expect(decideFull(packet, depsWith(), 0)).toEqual({ event: expect.objectContaining({ kind: "ignored", reason }) });
});

test.each([
  ["BOOTP without a message type", { ...discover, options: new Map() }],
  ["an undefined message type", clientMessage(9 as MessageType)],
  [
    "a requested address of three bytes",
    clientMessage(MessageType.discover, { options: optionsOf({ 50: [1, 2, 3] }) }),
  ],
  ["an architecture of one byte", clientMessage(MessageType.discover, { options: optionsOf({ 93: [0] }) })],
])("malformed: %s", (_name, packet) => {
  expect(() => decideFull(packet, depsWith(), 0)).toThrow(expect.objectContaining({ name: "DecodeError" }));
});
