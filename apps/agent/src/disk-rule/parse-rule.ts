import { AgentError } from "../errors.ts";
import type { DiskTransport } from "../inventory/disk.ts";

/** One condition that a disk has to meet. */
export type DiskTerm =
  | { readonly kind: "serial" | "wwn" | "model"; readonly value: string }
  /** Part of the model's name, in any case. */
  | { readonly kind: "modelContains"; readonly value: string }
  | { readonly kind: "size"; readonly comparison: "<" | "<=" | ">" | ">=" | "="; readonly bytes: number }
  | { readonly kind: "rotational"; readonly value: boolean }
  | { readonly kind: "transport"; readonly value: DiskTransport }
  | { readonly kind: "removable" };

/** Which of the disks that meet all terms is meant. `only`: there has to be exactly one. */
export type DiskSelection = "largest" | "smallest" | "only";

/** A rule that chooses a disk by what it is, not by the name that a boot happens to give it. */
export interface DiskRule {
  readonly selection: DiskSelection;
  readonly terms: readonly DiskTerm[];
}

const TRANSPORTS: readonly DiskTransport[] = ["nvme", "sata", "sas", "scsi", "virtio", "usb", "mmc", "iscsi"];
const SELECTIONS: readonly DiskSelection[] = ["largest", "smallest", "only"];
const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** How a rule is written, for help texts and messages. */
export const DISK_RULE_HELP: string =
  "comma-separated: largest, smallest or only (the default); serial=…, wwn=…, model=…, model~=part of it, " +
  "size>=200G (also <=, <, >, =; K M G T and Ki Mi Gi Ti), ssd, hdd, nvme, sata, sas, scsi, virtio, usb, mmc, removable";

/**
 * Reads a rule such as `largest`, `serial=S4EVNX0M`, `size>=200G,ssd`. Error: `disk-rule`, which names the part at
 * fault. A device file (`/dev/sda`) is refused: its name may be another disk's at the next boot.
 */
export function parseDiskRule(text: string): DiskRule {
  let selection: DiskSelection | undefined;
  const terms: DiskTerm[] = [];
  for (const part of text.split(",").map((p) => p.trim())) {
    if (isSelection(part)) {
      if (selection !== undefined) fail(text, `both ${selection} and ${part}`);
      selection = part;
    } else {
      terms.push(parseTerm(part, text));
    }
  }
  return { selection: selection ?? "only", terms };
}

function parseTerm(part: string, text: string): DiskTerm {
  if (part === "") fail(text, "an empty part");
  if (part === "ssd" || part === "hdd") return { kind: "rotational", value: part === "hdd" };
  if (part.startsWith("/dev/") || /^(sd[a-z]|vd[a-z]|hd[a-z]|nvme\d+n\d+)$/.test(part))
    fail(text, `${part} is a name that can be another disk's at the next boot; write serial=…, wwn=… or largest`);
  if (part === "removable") return { kind: "removable" };
  const transport = TRANSPORTS.find((name) => name === part);
  if (transport !== undefined) return { kind: "transport", value: transport };
  const match = /^([a-z]+)(~=|>=|<=|=|<|>)(.+)$/.exec(part);
  const [, key, operator, value] = match ?? [];
  if (key === undefined || operator === undefined || value === undefined) return fail(text, `the part "${part}"`);
  if (key === "size") return parseSize(operator, value, text);
  if (key === "model" && operator === "~=") return { kind: "modelContains", value };
  if (operator === "=") {
    if (key === "serial" || key === "model") return { kind: key, value };
    if (key === "wwn") return { kind: "wwn", value: value.toLowerCase().replace(/^(0x|wwn-0x|naa\.|eui\.)/, "") };
  }
  return fail(text, `the part "${part}"`);
}

function parseSize(operator: string, value: string, text: string): DiskTerm {
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)([KMGT]i?)?B?$/.exec(value) ?? [];
  const factor = SIZE_UNITS[unit];
  if (digits === undefined || factor === undefined || operator === "~=")
    return fail(text, `the size "${operator}${value}"`);
  const comparison = operator as "<" | "<=" | ">" | ">=" | "=";
  return { kind: "size", comparison, bytes: Math.round(Number(digits) * factor) };
}

function isSelection(part: string): part is DiskSelection {
  return SELECTIONS.some((selection) => selection === part);
}

function fail(text: string, what: string): never {
  throw new AgentError("disk-rule", `disk rule "${text}": ${what}; a rule is ${DISK_RULE_HELP}`);
}
