/**
 * Who is it that asks? A machine says several things of itself, none of them proof:
 *
 * - MAC addresses move between computers with docks and adapters;
 * - SMBIOS UUIDs are zero, shared by a whole delivery, or change when a network card is switched off;
 * - serial numbers are often what the manufacturer forgot to fill in.
 *
 * So no single fact takes a machine's disk away from it: a machine is recognised by its MAC address unless its other facts
 * speak against it, and by UUID and serial number together where the MAC address is new.
 */

/** What a machine says of itself. Empty and meaningless values count as not said. */
export interface IdentityFacts {
  readonly mac?: string | undefined;
  readonly uuid?: string | undefined;
  readonly serial?: string | undefined;
}

/** A machine that shares at least one fact with the one that asks. */
export interface IdentityCandidate {
  readonly id: string;
  readonly macs: readonly string[];
  readonly uuid?: string | undefined;
  readonly serial?: string | undefined;
}

/** Who it is. */
export type Identity =
  | {
      readonly kind: "known";
      readonly id: string;
      /** What to write down: facts that the machine had not, or that changed. */
      readonly learn: {
        readonly mac?: string | undefined;
        readonly uuid?: string | undefined;
        readonly serial?: string | undefined;
      };
      /** Machines whose facts contradict, for the operator to look at. */
      readonly clash: readonly string[];
    }
  | {
      readonly kind: "new";
      /** The MAC address belongs to another machine that this one is not. */
      readonly withoutMac: boolean;
      readonly clash: readonly string[];
    };

type Agreement = "same" | "different" | "unknown";

/** Decides from the candidates. Facts MUST have passed through {@link usableFacts}. */
export function identify(facts: IdentityFacts, candidates: readonly IdentityCandidate[]): Identity {
  const ranked = candidates.map((candidate) => ({
    candidate,
    mac: facts.mac !== undefined && candidate.macs.includes(facts.mac),
    uuid: agreementOf(facts.uuid, candidate.uuid, sameUuid),
    serial: agreementOf(facts.serial, candidate.serial, (a, b) => a === b),
  }));
  const others = (id?: string): string[] =>
    ranked
      .filter((entry) => entry.candidate.id !== id && (entry.mac || entry.uuid === "same"))
      .map((entry) => entry.candidate.id);
  const twoFacts = ranked.filter((entry) => !entry.mac && entry.uuid === "same" && entry.serial === "same");
  const byMac = ranked.find((entry) => entry.mac);

  if (byMac !== undefined && !(byMac.uuid === "different" && byMac.serial !== "same")) {
    const learnsUuid = byMac.uuid === "different" || (byMac.uuid === "unknown" && facts.uuid !== undefined);
    return {
      kind: "known",
      id: byMac.candidate.id,
      learn: {
        ...(learnsUuid && byMac.candidate.uuid !== facts.uuid && facts.uuid !== undefined && { uuid: facts.uuid }),
        ...(facts.serial !== undefined && byMac.serial === "unknown" && { serial: facts.serial }),
      },
      clash: others(byMac.candidate.id),
    };
  }
  const [only, ...rest] = twoFacts;
  if (only !== undefined && rest.length === 0) {
    const learnsMac = byMac === undefined && facts.mac !== undefined;
    return {
      kind: "known",
      id: only.candidate.id,
      learn: learnsMac ? { mac: facts.mac } : {},
      clash: others(only.candidate.id),
    };
  }
  if (
    byMac !== undefined &&
    byMac.serial === "unknown" &&
    !ranked.some((entry) => !entry.mac && entry.uuid === "same")
  ) {
    // Only the UUID speaks against it: a replaced board, or a dock. Its name stays; nothing is overwritten.
    return { kind: "known", id: byMac.candidate.id, learn: {}, clash: [byMac.candidate.id] };
  }
  return { kind: "new", withoutMac: byMac !== undefined, clash: others() };
}

function agreementOf(a: string | undefined, b: string | undefined, same: (a: string, b: string) => boolean): Agreement {
  if (a === undefined || b === undefined) return "unknown";
  return same(a, b) ? "same" : "different";
}

/** The same sixteen bytes: some firmware sends the first three fields in the other byte order in DHCP option 97. */
export function sameUuid(a: string, b: string): boolean {
  return a === b || swapUuid(a) === b;
}

/** The UUID with its first three fields in the other byte order. */
export function swapUuid(uuid: string): string {
  const [low = "", mid = "", high = "", ...rest] = uuid.split("-");
  return [low, mid, high].map(swapBytes).concat(rest).join("-");
}

function swapBytes(hex: string): string {
  return (hex.match(/../g) ?? []).toReversed().join("");
}

const meaninglessUuids: readonly string[] = [
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
  // What AMI's reference firmware holds until a manufacturer changes it, in both byte orders.
  "03000200-0400-0500-0006-000700080009",
  "00020003-0004-0005-0006-000700080009",
];

const meaninglessSerial =
  /^(|0+|1234567890?|none|null|n\/?a|not (applicable|available|specified)|unknown|default( string)?|empty|invalid|oem|o\.?e\.?m\.?|to be filled by o\.?e\.?m\.?|system serial number|chassis serial number|serial number|\W+)$/i;

/** Leaves away what carries no meaning: UUIDs and serial numbers that many machines share because nobody filled them in. */
export function usableFacts(facts: IdentityFacts): IdentityFacts {
  const uuid = facts.uuid?.toLowerCase();
  const serial = facts.serial?.trim();
  return {
    ...(facts.mac !== undefined && { mac: facts.mac }),
    ...(uuid !== undefined && !meaninglessUuids.includes(uuid) && { uuid }),
    ...(serial !== undefined && !meaninglessSerial.test(serial) && { serial }),
  };
}

/** A name for a machine that nobody named yet: `pc-` and the digits of its MAC address, or of its UUID's end. */
export function defaultMachineName(facts: IdentityFacts): string {
  const digits = (facts.mac ?? facts.uuid ?? "").replaceAll(/[^0-9a-f]/g, "").slice(-12);
  return `pc-${digits}`;
}
