import type { Firmware } from "@ingot/api";
import { type IdentityFacts, usableFacts } from "./identify.ts";
import { MAX_FACT_LENGTH } from "./limits.ts";

/** What a machine says of itself when it asks for its script. */
export interface MachineFacts extends IdentityFacts {
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly firmware: Firmware;
  /** The address it asks from. */
  readonly address?: string | undefined;
}

/** The facts without what carries no meaning, cut to a length and to characters that can be shown anywhere. */
export function cleanFacts(said: MachineFacts): MachineFacts {
  const facts = shortened(said);
  const { mac, uuid, serial } = usableFacts(facts);
  return { ...facts, mac, uuid, serial };
}

function shortened(facts: MachineFacts): MachineFacts {
  const cut = (text: string | undefined): string | undefined => {
    const clean = text
      ?.replaceAll(/[^\x20-\x7e]/g, "")
      .trim()
      .slice(0, MAX_FACT_LENGTH);
    return clean === "" ? undefined : clean;
  };
  return { ...facts, serial: cut(facts.serial), manufacturer: cut(facts.manufacturer), product: cut(facts.product) };
}
