import { hexFromBytes } from "@ingot/wire";
import type { Ipv4, Mac, Uuid } from "@ingot/wire";
import { OptionCode } from "./option-code.ts";
import { readTextOption } from "./option-values.ts";
import { NO_ADDRESS, macOf } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import { readArchitectures, readMachineUuid, readNetworkInterface } from "./pxe-options.ts";
import type { NetworkInterfaceVersion } from "./pxe-options.ts";
import { decodeUserClass } from "./user-class.ts";

/** What a message says about the machine that wants to boot; absent options are `undefined`. */
export interface BootFacts {
  readonly mac: Mac | undefined;
  /** `chaddr` in hex, for machines without a MAC address. */
  readonly hardwareAddress: string;
  readonly xid: number;
  /** Option 60, whole: `PXEClient:Arch:00007:UNDI:003016`. */
  readonly vendorClass: string | undefined;
  /** Option 77, in either of its forms; empty when absent. */
  readonly userClasses: readonly string[];
  /** Option 93, in the client's order of preference; empty when absent. Compare by number (RFC 4578, erratum 4624). */
  readonly architectures: readonly number[];
  /** Option 94. */
  readonly networkInterface: NetworkInterfaceVersion | undefined;
  /** Option 97. */
  readonly uuid: Uuid | undefined;
  /** Option 175, undecoded. */
  readonly ipxeOptions: Uint8Array | undefined;
  /** Option 12. */
  readonly hostName: string | undefined;
  /** The relay that forwarded the message. */
  readonly giaddr: Ipv4 | undefined;
  /** The address the machine uses already. */
  readonly ciaddr: Ipv4 | undefined;
  /** The address this server offers or has leased to it; `undefined` in proxy mode. */
  readonly leasedAddress: Ipv4 | undefined;
}

/** Collects the facts; throws `DecodeError` for an option that is there but malformed. */
export function bootFactsOf(packet: DhcpPacket, leasedAddress?: Ipv4): BootFacts {
  const userClass = packet.options.get(OptionCode.userClass);
  return {
    mac: macOf(packet),
    hardwareAddress: hexFromBytes(packet.chaddr.subarray(0, packet.hlen)),
    xid: packet.xid,
    vendorClass: readTextOption(packet.options, OptionCode.vendorClass),
    userClasses: userClass === undefined ? [] : decodeUserClass(userClass),
    architectures: readArchitectures(packet.options) ?? [],
    networkInterface: readNetworkInterface(packet.options),
    uuid: readMachineUuid(packet.options),
    ipxeOptions: packet.options.get(OptionCode.ipxeEncapsulated),
    hostName: readTextOption(packet.options, OptionCode.hostName),
    giaddr: packet.giaddr === NO_ADDRESS ? undefined : packet.giaddr,
    ciaddr: packet.ciaddr === NO_ADDRESS ? undefined : packet.ciaddr,
    leasedAddress,
  };
}

/** Which kind of boot client speaks, by the prefix of option 60 together with option 93; `undefined` for any other DHCP client. */
export function bootClassOf(facts: BootFacts): "PXEClient" | "HTTPClient" | undefined {
  if (facts.architectures.length === 0) return undefined;
  if (facts.vendorClass?.startsWith("PXEClient")) return "PXEClient";
  if (facts.vendorClass?.startsWith("HTTPClient")) return "HTTPClient";
  return undefined;
}
