import { bootClassOf } from "@ingot/dhcp";
import type { BootFacts } from "@ingot/dhcp";
import { factsOfArchitecture } from "./architecture.ts";
import type { ArchitectureFacts } from "./architecture.ts";

/** The user class that our own hand-over script sets, so that our iPXE is told apart from a network card's. */
export const OWN_USER_CLASS = "ingot";

const IPXE_USER_CLASS = "iPXE";

/**
 * Which program is speaking DHCP:
 *
 * - `firmware-pxe`, `firmware-http`: the machine's own firmware, wants a boot program by TFTP or by HTTP;
 * - `ipxe`: any iPXE, from a network card's ROM or loaded from here, wants a script;
 * - `ingot-ipxe`: the iPXE that the hand-over script started;
 * - `other`: not a boot client, or one without an architecture.
 */
export type FirmwareKind = "firmware-pxe" | "firmware-http" | "ipxe" | "ingot-ipxe" | "other";

/** What is known of the program that speaks DHCP. */
export interface Firmware {
  readonly kind: FirmwareKind;
  /** The first, preferred number of option 93. */
  readonly architecture: number | undefined;
  /** `undefined` for an architecture that no boot program here is for. */
  readonly facts: ArchitectureFacts | undefined;
}

/**
 * Identifies the speaker. The private user class is tested before iPXE's own, and both before the vendor class:
 * iPXE calls itself `PXEClient` as well, and taking it for firmware would load iPXE from iPXE for ever.
 */
export function identifyFirmware(facts: BootFacts): Firmware {
  const [architecture] = facts.architectures;
  const architectureFacts = architecture === undefined ? undefined : factsOfArchitecture(architecture);
  return { kind: kindOf(facts), architecture, facts: architectureFacts };
}

function kindOf(facts: BootFacts): FirmwareKind {
  const bootClass = bootClassOf(facts);
  if (bootClass === undefined) return "other";
  if (facts.userClasses.includes(OWN_USER_CLASS)) return "ingot-ipxe";
  // Option 175 marks every iPXE, also one that somebody gave another user class.
  if (facts.userClasses.includes(IPXE_USER_CLASS) || facts.ipxeOptions !== undefined) return "ipxe";
  return bootClass === "HTTPClient" ? "firmware-http" : "firmware-pxe";
}
