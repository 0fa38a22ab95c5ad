import { broadcastOf, netmaskOf, networkContains } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { bootFieldsOf } from "./boot-answer.ts";
import type { BootAnswer, DecideBoot } from "./boot-answer.ts";
import { bootClassOf, bootFactsOf } from "./boot-facts.ts";
import type { BootFacts } from "./boot-facts.ts";
import { clientKeyOf } from "./client-identity.ts";
import type { IdentifyBy } from "./client-identity.ts";
import type { Decision, Reply } from "./decision.ts";
import { deliveryOf } from "./delivery.ts";
import { eventBaseOf, ignored, messageTypeOf, refuseAtTheDoor } from "./ignore.ts";
import { skipProxyWait } from "./ipxe-options.ts";
import type { LeaseClient, LeaseTable, RefusalReason } from "./lease-table.ts";
import { MAX_HOST_NAME_CHARACTERS, MIN_LEASE_SECONDS } from "./limits.ts";
import { MessageType } from "./message-type.ts";
import { OptionCode } from "./option-code.ts";
import { ipv4Value, readIpv4Option, readTextOption, readU32Option, textValue, u32Value } from "./option-values.ts";
import { NO_ADDRESS, macOf } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import { readLinkSelection } from "./relay-agent.ts";
import { maxMessageBytesOf, replyTo } from "./reply.ts";
import { DEFAULT_LEASE_SECONDS } from "./subnet.ts";
import type { SubnetConfig } from "./subnet.ts";

/** What the full server decides with. */
export interface FullServerDeps {
  /** The server's address on its interface: option 54. */
  readonly serverAddress: Ipv4;
  readonly table: LeaseTable;
  readonly identifyBy: IdentifyBy;
  readonly decideBoot: DecideBoot;
}

/** One message together with what was found out about it. */
interface Exchange {
  readonly request: DhcpPacket;
  readonly type: MessageType;
  readonly client: LeaseClient;
  readonly subnet: SubnetConfig;
  readonly nowMs: number;
}

/**
 * The full DHCP server's decision about one message on port 67 (RFC 2131 §4.3). Changes the lease table, nothing else.
 * Throws `DecodeError` for a message that is malformed beyond its framing.
 */
export function decideFull(request: DhcpPacket, deps: FullServerDeps, nowMs: number): Decision {
  const refusal = refuseAtTheDoor(request);
  if (refusal !== undefined) return refusal;
  const type = messageTypeOf(request);
  const key = clientKeyOf(request, deps.identifyBy);
  if (key === undefined) return ignored(request, type, "no-client-identity");
  const client: LeaseClient = { key, mac: macOf(request) };
  const subnet = subnetFor(request, deps);
  if (subnet === undefined) return ignored(request, type, "no-subnet");
  const exchange: Exchange = { request, type, client, subnet, nowMs };
  switch (type) {
    case MessageType.discover:
      return answerDiscover(exchange, deps);
    case MessageType.request:
      return answerRequest(exchange, deps);
    case MessageType.inform:
      return answerInform(exchange, deps);
    case MessageType.release:
      return noteRelease(exchange, deps);
    case MessageType.decline:
      return noteDecline(exchange, deps);
    case MessageType.offer:
    case MessageType.ack:
    case MessageType.nak:
      return ignored(request, type, "unexpected-message-type");
  }
}

/**
 * The subnet that the client is in: by link selection (RFC 3527), else by the relay's address; without a relay by the
 * address that the client uses already, because a renewal comes by unicast through routers; else the server's own.
 */
function subnetFor(request: DhcpPacket, { table, serverAddress }: FullServerDeps): SubnetConfig | undefined {
  if (request.giaddr !== NO_ADDRESS) return table.subnetOf(readLinkSelection(request.options) ?? request.giaddr);
  const byPresentAddress = request.ciaddr === NO_ADDRESS ? undefined : table.subnetOf(request.ciaddr);
  return byPresentAddress ?? table.subnetOf(serverAddress);
}

function answerDiscover({ request, type, client, subnet, nowMs }: Exchange, deps: FullServerDeps): Decision {
  const requested = readIpv4Option(request.options, OptionCode.requestedAddress);
  const address = deps.table.offer(client, subnet, requested, nowMs);
  if (address === undefined) return ignored(request, type, "pool-exhausted");
  const { facts, boot, reply } = leaseReply(
    request,
    MessageType.offer,
    subnet,
    address,
    leaseSecondsFor(request, subnet),
    deps,
  );
  return { reply, event: { ...eventBaseOf(request, type), kind: "offer", address, facts, boot } };
}

/** The four states a REQUEST comes from, told apart as RFC 2131 §4.3.2 says. */
function answerRequest(exchange: Exchange, deps: FullServerDeps): Decision {
  const { request, type, client, subnet, nowMs } = exchange;
  const chosenServer = readIpv4Option(request.options, OptionCode.serverIdentifier);
  const requested = readIpv4Option(request.options, OptionCode.requestedAddress);
  if (chosenServer !== undefined && chosenServer !== deps.serverAddress) {
    deps.table.dropOffer(client.key);
    return ignored(request, type, "chose-another-server", chosenServer);
  }
  const present = request.ciaddr === NO_ADDRESS ? undefined : request.ciaddr;
  const address = chosenServer === undefined ? (present ?? requested) : (requested ?? present);
  if (address === undefined) return ignored(request, type, "no-address-asked");
  const verdict = deps.table.judge(client, subnet, address, nowMs);

  // SELECTING: the client took this server's offer, so it gets a yes or a no.
  if (chosenServer !== undefined)
    return verdict.kind === "yes"
      ? acknowledge(exchange, address, deps)
      : refuse(exchange, address, verdict.reason, deps);

  // RENEWING and REBINDING: a lease that this server lost but could have given is taken over; one of another server's pool is left alone.
  if (present !== undefined) {
    if (verdict.kind === "yes") return acknowledge(exchange, address, deps);
    return verdict.reason === "not-in-pool"
      ? ignored(request, type, "unknown-lease")
      : refuse(exchange, address, verdict.reason, deps);
  }

  // INIT-REBOOT: silence when there is no record, because another server may have one; a no when this server knows better.
  if (verdict.kind === "yes")
    return verdict.known ? acknowledge(exchange, address, deps) : ignored(request, type, "unknown-lease");
  const hasLease = deps.table.leaseOf(client.key) !== undefined;
  return verdict.reason === "not-in-pool" && !hasLease
    ? ignored(request, type, "unknown-lease")
    : refuse(exchange, address, verdict.reason, deps);
}

function acknowledge(
  { request, type, client, subnet, nowMs }: Exchange,
  address: Ipv4,
  deps: FullServerDeps,
): Decision {
  const leaseSeconds = leaseSecondsFor(request, subnet);
  const { facts, boot, reply } = leaseReply(request, MessageType.ack, subnet, address, leaseSeconds, deps);
  const hostName = readTextOption(request.options, OptionCode.hostName)?.slice(0, MAX_HOST_NAME_CHARACTERS);
  const lease = deps.table.bind(client, address, nowMs + leaseSeconds * 1000, hostName);
  return {
    store: { kind: "save", lease },
    reply,
    event: { ...eventBaseOf(request, type), kind: "ack", address, facts, boot },
  };
}

function refuse(
  { request, type, client }: Exchange,
  address: Ipv4,
  reason: RefusalReason,
  deps: FullServerDeps,
): Decision {
  deps.table.dropOffer(client.key);
  const packet = replyTo(request, {
    type: MessageType.nak,
    serverAddress: deps.serverAddress,
    options: [[OptionCode.message, textValue(reason)]],
  });
  return {
    reply: { packet, delivery: deliveryOf(request, MessageType.nak), maxMessageBytes: maxMessageBytesOf(request) },
    event: { ...eventBaseOf(request, type), kind: "nak", address, reason },
  };
}

/** The client has an address from elsewhere and asks for the rest: no lease times, no yiaddr (RFC 2131 §4.3.5). */
function answerInform({ request, type, subnet }: Exchange, deps: FullServerDeps): Decision {
  const facts = bootFactsOf(request);
  const boot = bootClassOf(facts) === undefined ? undefined : deps.decideBoot(facts);
  const reply = buildReply(request, MessageType.ack, facts, boot, deps, { options: networkOptions(subnet) });
  return { reply, event: { ...eventBaseOf(request, type), kind: "inform-ack", facts, boot } };
}

function noteRelease({ request, type, client, nowMs }: Exchange, deps: FullServerDeps): Decision {
  const ended = deps.table.release(client.key, request.ciaddr, nowMs);
  if (ended === undefined) return ignored(request, type, "unknown-lease");
  return {
    store: { kind: "save", lease: ended },
    event: { ...eventBaseOf(request, type), kind: "release", address: ended.address },
  };
}

function noteDecline({ request, type, client, nowMs }: Exchange, deps: FullServerDeps): Decision {
  const address = readIpv4Option(request.options, OptionCode.requestedAddress);
  if (address === undefined) return ignored(request, type, "no-address-asked");
  if (!deps.table.decline(client.key, address, nowMs)) return ignored(request, type, "unknown-lease");
  return {
    store: { kind: "delete", client: client.key },
    event: { ...eventBaseOf(request, type), kind: "decline", address },
  };
}

function leaseReply(
  request: DhcpPacket,
  type: MessageType,
  subnet: SubnetConfig,
  address: Ipv4,
  leaseSeconds: number,
  deps: FullServerDeps,
): { readonly facts: BootFacts; readonly boot: BootAnswer | undefined; readonly reply: Reply } {
  const facts = bootFactsOf(request, address);
  const boot = bootClassOf(facts) === undefined ? undefined : deps.decideBoot(facts);
  const options = [...leaseTimes(leaseSeconds), ...networkOptions(subnet)];
  const ipxe = skipProxyWait(facts);
  if (ipxe !== undefined) options.push([OptionCode.ipxeEncapsulated, ipxe]);
  return { facts, boot, reply: buildReply(request, type, facts, boot, deps, { yiaddr: address, options }) };
}

function buildReply(
  request: DhcpPacket,
  type: MessageType,
  facts: BootFacts,
  boot: BootAnswer | undefined,
  deps: FullServerDeps,
  parts: { readonly yiaddr?: Ipv4; readonly options: readonly (readonly [number, Uint8Array])[] },
): Reply {
  const bootClass = bootClassOf(facts);
  const fields =
    boot === undefined || bootClass === undefined ? undefined : bootFieldsOf(boot, request, bootClass, "dhcp");
  const packet = replyTo(request, {
    type,
    serverAddress: deps.serverAddress,
    ...fields,
    ...parts,
    options: [...parts.options, ...(fields?.options ?? [])],
  });
  return { packet, delivery: deliveryOf(request, type), maxMessageBytes: maxMessageBytesOf(request) };
}

/** The subnet's lease time, or less when the client asks for less (option 51). */
function leaseSecondsFor(request: DhcpPacket, subnet: SubnetConfig): number {
  const longest = subnet.leaseSeconds ?? DEFAULT_LEASE_SECONDS;
  const asked = readU32Option(request.options, OptionCode.leaseTime) ?? longest;
  return Math.min(Math.max(asked, MIN_LEASE_SECONDS), longest);
}

/** T1 at half and T2 at seven eighths of the lease (RFC 2131 §4.4.5). */
function leaseTimes(leaseSeconds: number): readonly (readonly [number, Uint8Array])[] {
  return [
    [OptionCode.leaseTime, u32Value(leaseSeconds)],
    [OptionCode.renewalTime, u32Value(Math.floor(leaseSeconds / 2))],
    [OptionCode.rebindingTime, u32Value(Math.floor((leaseSeconds * 7) / 8))],
  ];
}

function networkOptions(subnet: SubnetConfig): readonly (readonly [number, Uint8Array])[] {
  const options: (readonly [number, Uint8Array])[] = [
    [OptionCode.subnetMask, ipv4Value(netmaskOf(subnet.network))],
    [OptionCode.broadcastAddress, ipv4Value(broadcastOf(subnet.network))],
  ];
  if (subnet.router !== undefined && networkContains(subnet.network, subnet.router))
    options.push([OptionCode.router, ipv4Value(subnet.router)]);
  if (subnet.dns !== undefined && subnet.dns.length > 0)
    options.push([OptionCode.domainNameServer, ipv4Value(...subnet.dns)]);
  if (subnet.domainName !== undefined) options.push([OptionCode.domainName, textValue(subnet.domainName)]);
  return options;
}
