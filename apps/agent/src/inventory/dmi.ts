import { DecodeError, parseUuid, type Uuid } from "@ingot/wire";
import type { SystemFiles } from "../system/system-files.ts";

/** What the firmware says about the machine (SMBIOS 3.x types 0 to 3). Absent: not there, or one of the vendors' fillers. */
export interface DmiFacts {
  readonly uuid?: Uuid;
  readonly vendor?: string;
  readonly product?: string;
  readonly serial?: string;
  readonly boardVendor?: string;
  readonly boardName?: string;
  readonly boardSerial?: string;
  readonly assetTag?: string;
  readonly biosVersion?: string;
  readonly biosDate?: string;
}

/** What vendors leave in when they forget to fill a field; equal on thousands of machines, so worse than nothing. */
const FILLERS: ReadonlySet<string> = new Set([
  "to be filled by o.e.m.",
  "to be filled by oem",
  "default string",
  "system serial number",
  "system product name",
  "system manufacturer",
  "base board serial number",
  "chassis serial number",
  "asset-1234567890",
  "no asset information",
  "no asset tag",
  "not specified",
  "not applicable",
  "unknown",
  "none",
  "n/a",
  "o.e.m.",
  "oem",
  "invalid",
]);

const UUID_FILLERS: ReadonlySet<string> = new Set([
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
  // American Megatrends' example value, shipped on many boards.
  "03000200-0400-0500-0006-000700080009",
]);

/** Reads `/sys/class/dmi/id`. Serial numbers and UUID are readable by root only. */
export function readDmi(files: SystemFiles): DmiFacts {
  const text = (name: string): string | undefined => meaningful(files.readText(`/sys/class/dmi/id/${name}`));
  const entries: [keyof DmiFacts, string | undefined][] = [
    ["uuid", meaningfulUuid(files.readText("/sys/class/dmi/id/product_uuid"))],
    ["vendor", text("sys_vendor")],
    ["product", text("product_name")],
    ["serial", text("product_serial")],
    ["boardVendor", text("board_vendor")],
    ["boardName", text("board_name")],
    ["boardSerial", text("board_serial")],
    ["assetTag", text("chassis_asset_tag")],
    ["biosVersion", text("bios_version")],
    ["biosDate", text("bios_date")],
  ];
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function meaningful(text: string | undefined): string | undefined {
  if (text === undefined || text === "" || FILLERS.has(text.toLowerCase()) || /^[0.\-x\s]+$/i.test(text))
    return undefined;
  return text.slice(0, 128);
}

function meaningfulUuid(text: string | undefined): Uuid | undefined {
  if (text === undefined) return undefined;
  try {
    const uuid = parseUuid(text);
    return UUID_FILLERS.has(uuid) ? undefined : uuid;
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
