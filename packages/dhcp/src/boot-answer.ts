import type { Ipv4 } from "@ingot/wire";
import type { BootFacts } from "./boot-facts.ts";
import { OptionCode } from "./option-code.ts";
import { textValue } from "./option-values.ts";
import { NO_ADDRESS, fitsFileField } from "./packet.ts";
import type { DhcpPacket } from "./packet.ts";
import { encodeUseBootFile } from "./pxe-options.ts";

/**
 * How the boot file is told to PXE firmware.
 *
 * - `option43`: option 43 says "take the boot file of this answer", with siaddr and option 54. BIOS ROMs and iPXE want this.
 * - `port4011`: option 43 is left out. In proxy mode UEFI firmware then asks again on port 4011; in full mode
 *   the vendor class is left out as well, and the answer is a plain DHCP answer with a boot file.
 */
export type PxeStyle = "option43" | "port4011";

/** What a machine shall boot next, decided by the caller. */
export interface BootAnswer {
  /** Path on the TFTP server, or a URL. ASCII, at most 255 characters. */
  readonly bootFile: string;
  /** The TFTP server: siaddr, option 66. Also given with URLs, because iPXE ignores an answer without it. */
  readonly nextServer: Ipv4;
  readonly style: PxeStyle;
  /** In a few words, for the boot timeline: `snponly.efi by TFTP`. */
  readonly summary: string;
}

/** Decides what a machine boots; `undefined` leaves its answer without a boot file. MUST NOT throw for any facts. */
export type DecideBoot = (facts: BootFacts) => BootAnswer | undefined;

/** The fields and options of a reply that carry a boot answer. */
export interface BootFields {
  readonly siaddr: Ipv4;
  readonly sname: string;
  readonly file: string;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Which kind of reply the boot answer rides in. */
export type BootCarrier = "dhcp" | "proxy-offer" | "boot-server-ack";

/**
 * Lays a boot answer into a reply's fields. The boot file stands both in `file`, where old ROMs look and where no ROM
 * appends the end option's 0xff to it, and in option 67; a URL too long for `file` only in option 67.
 */
export function bootFieldsOf(
  answer: BootAnswer,
  request: DhcpPacket,
  bootClass: "PXEClient" | "HTTPClient",
  carrier: BootCarrier,
): BootFields {
  const options = new Map<number, Uint8Array>();
  const file = fitsFileField(answer.bootFile) ? answer.bootFile : "";
  options.set(OptionCode.bootFileName, textValue(answer.bootFile));

  if (bootClass === "HTTPClient") {
    // UEFI 2.10, "HTTP Boot", DHCP usage: the class must come back, and the boot file is a URL, so no other server is named.
    options.set(OptionCode.vendorClass, textValue("HTTPClient"));
    return { siaddr: NO_ADDRESS, sname: "", file, options };
  }

  options.set(OptionCode.tftpServerName, textValue(answer.nextServer));
  const askAgain = answer.style === "port4011" && carrier === "proxy-offer";
  const plain = answer.style === "port4011" && carrier === "dhcp";
  if (!plain) options.set(OptionCode.vendorClass, textValue("PXEClient"));
  // Only a boot server's client has chosen from a menu; what others put into option 43 need not be PXE's.
  const choice = carrier === "boot-server-ack" ? request.options.get(OptionCode.vendorSpecific) : undefined;
  if (!plain && !askAgain) options.set(OptionCode.vendorSpecific, encodeUseBootFile(choice));
  const machineIdentifier = request.options.get(OptionCode.clientMachineIdentifier);
  if (machineIdentifier !== undefined) options.set(OptionCode.clientMachineIdentifier, machineIdentifier);
  return { siaddr: answer.nextServer, sname: answer.nextServer, file, options };
}
