import { z } from "zod";
import type { Programs } from "../system/programs.ts";
import type { Disk, DiskHealth } from "./disk.ts";

/** The part of `smartctl --json` (smartmontools 7, format 1.0) that is read. */
const smartctlSchema = z.object({
  smart_status: z.object({ passed: z.boolean() }).optional(),
  temperature: z.object({ current: z.number() }).optional(),
  power_on_time: z.object({ hours: z.number() }).optional(),
  ata_smart_attributes: z
    .object({ table: z.array(z.object({ id: z.number(), name: z.string(), raw: z.object({ value: z.number() }) })) })
    .optional(),
  nvme_smart_health_information_log: z
    .object({
      critical_warning: z.number(),
      available_spare: z.number(),
      percentage_used: z.number(),
      media_errors: z.number(),
    })
    .optional(),
});

/** ATA attributes that announce a dying disk: reallocated, reported uncorrectable, pending, offline uncorrectable. */
const TELLING_ATTRIBUTES: ReadonlySet<number> = new Set([5, 187, 197, 198]);

/** Asks a disk how it is. Everything that is not a clear answer is `unknown`. */
export async function readHealth(programs: Programs, disk: Disk, signal?: AbortSignal): Promise<DiskHealth> {
  // Not a disk that sleeps (standby): waking it up is not worth an inventory.
  const result = await programs.run("smartctl", ["--json", "--health", "--attributes", disk.path], { signal });
  return result === undefined ? { verdict: "unknown" } : parseSmartctl(result.stdout);
}

/** Reads the document that smartctl writes. */
export function parseSmartctl(text: string): DiskHealth {
  const parsed = smartctlSchema.safeParse(parseJson(text));
  if (!parsed.success) return { verdict: "unknown" };
  const { smart_status: status, ata_smart_attributes: ata, nvme_smart_health_information_log: nvme } = parsed.data;
  const counts: Record<string, number> = {};
  for (const attribute of ata?.table ?? []) {
    if (TELLING_ATTRIBUTES.has(attribute.id)) counts[attribute.name] = attribute.raw.value;
  }
  if (nvme !== undefined) Object.assign(counts, nvme);
  const { temperature, power_on_time: powerOn } = parsed.data;
  return {
    verdict: status === undefined ? "unknown" : status.passed ? "passed" : "failing",
    ...(Object.keys(counts).length === 0 ? {} : { counts }),
    ...(temperature === undefined ? {} : { temperatureCelsius: temperature.current }),
    ...(powerOn === undefined ? {} : { powerOnHours: powerOn.hours }),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
