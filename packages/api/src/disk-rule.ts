import { z } from "zod";
import { DISK_TRANSPORTS, type DiskTransport } from "./agent-inventory.ts";
import { amountSchema } from "./values.ts";

/**
 * Which disk of a machine is meant. Every condition must hold; of the disks that are left, `choose` says which one. Never by the
 * kernel's name, which is another one after the next boot. Removable disks and USB are only meant when `transport` is `usb` or
 * `removable` is true.
 */
export interface DiskRule {
  /** `only`: there must be exactly one; otherwise the task fails before anything is written. */
  readonly choose: "only" | "largest" | "smallest";
  readonly transport?: DiskTransport | undefined;
  readonly rotational?: boolean | undefined;
  readonly removable?: boolean | undefined;
  /** Exact. */
  readonly wwn?: string | undefined;
  /** Exact. */
  readonly serial?: string | undefined;
  /** Part of the model's name, upper and lower case alike. */
  readonly model?: string | undefined;
  readonly minBytes?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** How a rule is written, as one sentence for messages and forms. */
export const DISK_RULE_FORM: string =
  "a disk rule is a list with commas of: only, largest, smallest, ssd, hdd, removable, nvme, sata, sas, scsi, virtio, mmc, usb, raid, wwn=…, serial=…, model=…, min=SIZE, max=SIZE (for example nvme,largest)";

/** The rule that holds where none is given: the machine's only internal disk. */
export const DEFAULT_DISK_RULE: DiskRule = { choose: "only" };

const factSchema: z.ZodType<string> = z.string().min(1).max(200);

/** Schema of {@link DiskRule}. */
export const diskRuleSchema: z.ZodType<DiskRule> = z
  .object({
    choose: z.enum(["only", "largest", "smallest"]),
    transport: z.enum(DISK_TRANSPORTS).optional(),
    rotational: z.boolean().optional(),
    removable: z.boolean().optional(),
    wwn: factSchema.optional(),
    serial: factSchema.optional(),
    model: factSchema.optional(),
    minBytes: amountSchema.optional(),
    maxBytes: amountSchema.optional(),
  })
  .meta({ id: "DiskRule" });

/** A rule as operators write it. */
export const diskRuleTextSchema: z.ZodType<string, string> = z
  .string()
  .max(500)
  .refine((text) => parseDiskRule(text) !== undefined, DISK_RULE_FORM)
  .meta({ id: "DiskRuleText", description: DISK_RULE_FORM, example: "nvme,largest" });

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
};

/** Reads a size: digits, then nothing, `k`, `M`, `G`, `T` (powers of 1000) or `Ki`, `Mi`, `Gi`, `Ti` (powers of 1024), then perhaps `B`. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)\s*([kmgt]i?|)b?$/i.exec(text) ?? [];
  const factor = units[unit?.toLowerCase() ?? "none"];
  const bytes = Math.round(Number(digits) * (factor ?? Number.NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Reads a rule; `undefined` where `text` is none. */
export function parseDiskRule(text: string): DiskRule | undefined {
  let rule: DiskRule = DEFAULT_DISK_RULE;
  for (const term of text.split(",")) {
    const part = parseTerm(term.trim());
    if (part === undefined) return undefined;
    rule = { ...rule, ...part };
  }
  return rule;
}

function parseTerm(term: string): Partial<DiskRule> | undefined {
  const equals = term.indexOf("=");
  if (equals === -1) return parseWord(term);
  const value = term.slice(equals + 1).trim();
  if (value === "") return undefined;
  switch (term.slice(0, equals).trim()) {
    case "wwn":
      return { wwn: value };
    case "serial":
      return { serial: value };
    case "model":
      return { model: value };
    case "min": {
      const minBytes = parseSize(value);
      return minBytes === undefined ? undefined : { minBytes };
    }
    case "max": {
      const maxBytes = parseSize(value);
      return maxBytes === undefined ? undefined : { maxBytes };
    }
    default:
      return undefined;
  }
}

function parseWord(word: string): Partial<DiskRule> | undefined {
  if (word === "only" || word === "largest" || word === "smallest") return { choose: word };
  if (word === "ssd") return { rotational: false };
  if (word === "hdd") return { rotational: true };
  if (word === "removable") return { removable: true };
  const transport = DISK_TRANSPORTS.find((name) => name === word);
  return transport === undefined ? undefined : { transport };
}

/** Writes a rule as {@link parseDiskRule} reads it. */
export function formatDiskRule(rule: DiskRule): string {
  const { choose, transport, rotational, removable, wwn, serial, model, minBytes, maxBytes } = rule;
  return [
    transport,
    rotational === undefined ? undefined : rotational ? "hdd" : "ssd",
    removable === true ? "removable" : undefined,
    wwn === undefined ? undefined : `wwn=${wwn}`,
    serial === undefined ? undefined : `serial=${serial}`,
    model === undefined ? undefined : `model=${model}`,
    minBytes === undefined ? undefined : `min=${minBytes}`,
    maxBytes === undefined ? undefined : `max=${maxBytes}`,
    choose,
  ]
    .filter((part) => part !== undefined)
    .join(",");
}
