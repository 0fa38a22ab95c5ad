import { FakeClock, LinkPlan, SimulatedLink } from "@ingot/testkit/link";
import { parseIpv4Network } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { expect, test } from "vitest";
import { clientMessage, ip } from "../test/messages.ts";
import { decideFull } from "./full-server.ts";
import type { FullServerDeps } from "./full-server.ts";
import { LeaseTable } from "./lease-table.ts";
import { MessageType } from "./message-type.ts";
import { OptionCode } from "./option-code.ts";
import { ipv4Value, readIpv4Option, requireU8Option } from "./option-values.ts";
import { decodePacket, encodePacket } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import type { SubnetConfig } from "./subnet.ts";

const SERVER = ip("10.0.0.1");
const CLIENTS = 60;
const subnet: SubnetConfig = {
  network: parseIpv4Network("10.0.0.1/24"),
  range: { first: ip("10.0.0.100"), last: ip("10.0.0.159") },
};

/** A client that retries what it said last every two seconds until it has its lease (RFC 2131 §4.4.1, without its random pauses). */
class Client {
  readonly mac: string;
  lease: Ipv4 | undefined;
  #message: DhcpPacket;
  readonly #send: (message: DhcpPacket) => void;

  constructor(number: number, send: (message: DhcpPacket) => void) {
    this.mac = `52:54:00:00:00:${number.toString(16).padStart(2, "0")}`;
    this.#message = clientMessage(MessageType.discover, { mac: this.mac, xid: number });
    this.#send = send;
  }

  say(): void {
    this.#send(this.#message);
  }

  hear(reply: DhcpPacket): void {
    const type = requireU8Option(reply.options, OptionCode.messageType);
    const server = readIpv4Option(reply.options, OptionCode.serverIdentifier) ?? SERVER;
    const inSelecting = this.#message.options.get(OptionCode.messageType)?.[0] === MessageType.discover;
    if (type === MessageType.offer && inSelecting) {
      const options = new Map([
        [OptionCode.serverIdentifier, ipv4Value(server)],
        [OptionCode.requestedAddress, ipv4Value(reply.yiaddr)],
      ]);
      this.#message = clientMessage(MessageType.request, { mac: this.mac, xid: reply.xid, options });
      this.say();
    }
    if (type === MessageType.ack && !inSelecting) this.lease = reply.yiaddr;
    if (type === MessageType.nak) {
      this.#message = clientMessage(MessageType.discover, { mac: this.mac, xid: reply.xid });
      this.say();
    }
  }
}

test.each([1, 2, 3, 4, 5])(
  "a room of 60 machines and 60 addresses over a link that drops, doubles and reorders (seed %i): everybody gets one",
  (seed) => {
    const clock = new FakeClock();
    const conditions = { dropRate: 0.3, duplicateRate: 0.2, reorderRate: 0.3, delayMs: 3, reorderDelayMs: 900 };
    const toServer = new SimulatedLink(clock, new LinkPlan({ ...conditions, seed }));
    const toClients = new SimulatedLink(clock, new LinkPlan({ ...conditions, seed: seed + 1000 }));
    const deps: FullServerDeps = {
      serverAddress: SERVER,
      table: new LeaseTable([subnet]),
      identifyBy: "hardware",
      decideBoot: () => undefined,
    };

    const serve = (bytes: Uint8Array): void => {
      const decision = decideFull(decodePacket(bytes), deps, clock.now());
      if (decision.reply === undefined) return;
      toClients.send(encodePacket(decision.reply.packet), (reply) => {
        const packet = decodePacket(reply);
        clients[packet.xid]?.hear(packet);
      });
    };
    const clients = Array.from(
      { length: CLIENTS },
      (_, number) => new Client(number, (message) => toServer.send(encodePacket(message), serve)),
    );
    for (let second = 0; second < 300 && clients.some(({ lease }) => lease === undefined); second += 2) {
      for (const client of clients) if (client.lease === undefined) client.say();
      clock.advance(2000);
    }
    const leases = clients.map(({ lease }) => lease);
    expect(leases).not.toContain(undefined);
    expect(new Set(leases).size).toBe(CLIENTS);
  },
);
