import { Reader, ipv4FromBytes } from "@ingot/wire";
import type { Ipv4 } from "@ingot/wire";
import { OptionCode } from "./option-code.ts";
import type { OptionMap } from "./options.ts";
import { decodeSubOptions } from "./sub-options.ts";

/** Link selection: the subnet to take the address from, when it is not the one of `giaddr` (RFC 3527 §3). */
const LINK_SELECTION = 5;

/**
 * The address that chooses a relayed client's subnet instead of `giaddr`, if the relay named one.
 * Throws `DecodeError` for malformed relay information.
 */
export function readLinkSelection(options: OptionMap): Ipv4 | undefined {
  const value = options.get(OptionCode.relayAgentInformation);
  if (value === undefined) return undefined;
  const link = decodeSubOptions(value, "DHCP relay agent information", { padAndEnd: false }).get(LINK_SELECTION);
  if (link === undefined) return undefined;
  const reader = new Reader(link, "DHCP link selection");
  const address = ipv4FromBytes(reader.bytes(4));
  reader.end();
  return address;
}
