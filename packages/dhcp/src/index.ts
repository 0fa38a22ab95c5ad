export { bootClassOf, bootFactsOf } from "./boot-facts.ts";
export type { BootFacts } from "./boot-facts.ts";
export { bootFieldsOf } from "./boot-answer.ts";
export type { BootAnswer, BootCarrier, BootFields, DecideBoot, PxeStyle } from "./boot-answer.ts";
export { clientKeyOf } from "./client-identity.ts";
export type { IdentifyBy } from "./client-identity.ts";
export type { Decision, DhcpEvent, IgnoredReason, Reply } from "./decision.ts";
export { Port, deliveryOf } from "./delivery.ts";
export type { Delivery } from "./delivery.ts";
export { DhcpError } from "./errors.ts";
export type { DhcpErrorCode } from "./errors.ts";
export { decideFull } from "./full-server.ts";
export type { FullServerDeps } from "./full-server.ts";
export { LeaseFile } from "./lease-file.ts";
export type { Lease, LeaseStore } from "./lease.ts";
export { LeaseTable } from "./lease-table.ts";
export type { LeaseClient, RefusalReason, Verdict } from "./lease-table.ts";
export { MemoryLeaseStore } from "./memory-lease-store.ts";
export { MessageType, nameOfMessageType } from "./message-type.ts";
export { OptionCode, nameOfOption } from "./option-code.ts";
export type { OptionMap } from "./options.ts";
export {
  FLAG_BROADCAST,
  HTYPE_ETHERNET,
  NO_ADDRESS,
  Op,
  chaddrFrom,
  decodePacket,
  encodePacket,
  macOf,
} from "./packet.ts";
export type { DhcpPacket, EncodeLimits } from "./packet.ts";
export type { NetworkInterfaceVersion } from "./pxe-options.ts";
export { decideBootServer, decideProxy } from "./proxy-server.ts";
export type { ProxyDeps } from "./proxy-server.ts";
export { startDhcpServer } from "./server.ts";
export type { DhcpCounters, DhcpServer, DhcpServerOptions, FullServerOptions, ProxyServerOptions } from "./server.ts";
export { DEFAULT_LEASE_SECONDS, validateSubnets } from "./subnet.ts";
export type { AddressRange, Reservation, SubnetConfig } from "./subnet.ts";
