import { z } from "zod";
import { type BootTimeline, bootTimelineSchema } from "./boot.ts";
import { MAX_MACS_PER_MACHINE, MAX_TEXT_LENGTH } from "./limits.ts";
import { type ImageReference, imageReferenceSchema, imageReferenceTextSchema, nameSchema } from "./names.ts";
import { amountSchema, macInputSchema, macSchema, timeSchema, uuidSchema } from "./values.ts";

/** What firmware a machine has, as it says itself when it asks for a boot program. */
export const FIRMWARES = ["bios", "uefi-x64", "uefi-ia32", "uefi-arm64", "unknown"] as const;
/** One of {@link FIRMWARES}. */
export type Firmware = (typeof FIRMWARES)[number];

/**
 * What a machine gets at its next boot: its disk from the network, its own disk, or a choice on its screen; the others start the
 * agent's system in memory, to do the machine's part of a job or, with `rescue`, to give whoever sits there a shell.
 */
export const BOOT_PLANS = ["diskless", "local", "menu", "clone", "capture", "verify", "wipe", "rescue"] as const;
/** One of {@link BOOT_PLANS}. */
export type BootPlan = (typeof BOOT_PLANS)[number];

/** The plans that start the agent's system in memory. */
export const AGENT_PLANS = ["clone", "capture", "verify", "wipe", "rescue"] as const;
/** One of {@link AGENT_PLANS}. */
export type AgentPlan = (typeof AGENT_PLANS)[number];

/** Whether a plan starts the agent's system. */
export function isAgentPlan(plan: BootPlan): plan is AgentPlan {
  return (AGENT_PLANS as readonly BootPlan[]).includes(plan);
}

/** What becomes of a machine's changes: gone at every boot, or kept. */
export const DISK_MODES = ["reset", "persistent"] as const;
/** One of {@link DISK_MODES}. */
export type DiskMode = (typeof DISK_MODES)[number];

/** Where a machine's effective setting comes from. The machine's own wins over its group's, and that over the server's default. */
export const SETTING_SOURCES = ["machine", "group", "default"] as const;
/** One of {@link SETTING_SOURCES}. */
export type SettingSource = (typeof SETTING_SOURCES)[number];

/**
 * What a machine is doing, as far as the server sees it.
 *
 * `new`: registered itself, never had a disk from here. `off`: nothing heard since it went away. `booting`: between its first
 * request and its operating system. `running`: its disk is in use by the operating system, or it was sent to its own disk. `up`: the operating system said so.
 * `failed`: its last boot stopped; the timeline says why.
 */
export const MACHINE_STATES = ["new", "off", "booting", "running", "up", "failed"] as const;
/** One of {@link MACHINE_STATES}. */
export type MachineState = (typeof MACHINE_STATES)[number];

/** Ways around faults of one machine's firmware. What is absent is decided by the server. */
export interface MachineQuirks {
  /** How PXE finds its boot server: everything in the first answer, or a second question on port 4011. */
  readonly pxeStyle?: "option43" | "port4011" | undefined;
  /** Which iPXE a UEFI machine gets: on top of the firmware's network driver, or with its own drivers. */
  readonly efiProgram?: "snponly" | "ipxe" | undefined;
  /** Load our iPXE even where the network card already runs one. */
  readonly replaceFirmwareIpxe?: boolean | undefined;
}

/** Settings that a machine may have itself and that a group gives to its machines. Absent means inherited. */
export interface BootSettings {
  readonly plan?: BootPlan | undefined;
  readonly image?: ImageReference | undefined;
  readonly mode?: DiskMode | undefined;
}

/** A computer in the inventory. */
export interface Machine {
  /** Never changes and is never used again; part of the disk's target name. */
  readonly id: string;
  readonly name: string;
  readonly macs: readonly string[];
  readonly group?: string | undefined;
  readonly site?: string | undefined;
  readonly comment?: string | undefined;
  readonly uuid?: string | undefined;
  readonly serial?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly firmware: Firmware;
  /** Effective: own, or the group's, or the server's default. */
  readonly plan: BootPlan;
  readonly planFrom: SettingSource;
  /** Effective image; absent where none is set at any level. */
  readonly image?: ImageReference | undefined;
  readonly imageFrom: SettingSource;
  readonly mode: DiskMode;
  readonly modeFrom: SettingSource;
  /** What is set on the machine itself. */
  readonly own: BootSettings;
  readonly quirks: MachineQuirks;
  /** CHAP user of the machine's disk. The secret never leaves the server. */
  readonly chap?: { readonly user: string } | undefined;
  readonly state: MachineState;
  readonly createdAt: string;
  readonly lastSeenAt?: string | undefined;
  /** The last event that concerns this machine. */
  readonly lastEvent?:
    | { readonly id: number; readonly at: string; readonly kind: string; readonly message: string }
    | undefined;
  /** The IPv4 address it was last seen with. */
  readonly address?: string | undefined;
  readonly boot?: BootTimeline | undefined;
  /** iSCSI traffic of the machine right now. */
  readonly traffic: MachineTraffic;
}

/** iSCSI traffic of one machine, averaged over the last second or two. */
export interface MachineTraffic {
  readonly sessions: number;
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
}

/** Schema of {@link BootPlan}. */
export const bootPlanSchema: z.ZodType<BootPlan> = z.enum(BOOT_PLANS).meta({ id: "BootPlan" });
/** Schema of {@link DiskMode}. */
export const diskModeSchema: z.ZodType<DiskMode> = z.enum(DISK_MODES).meta({ id: "DiskMode" });
/** Schema of {@link MachineState}. */
export const machineStateSchema: z.ZodType<MachineState> = z.enum(MACHINE_STATES).meta({ id: "MachineState" });
/** Schema of {@link SettingSource}. */
export const settingSourceSchema: z.ZodType<SettingSource> = z.enum(SETTING_SOURCES).meta({ id: "SettingSource" });
/** Schema of {@link Firmware}. */
export const firmwareSchema: z.ZodType<Firmware> = z.enum(FIRMWARES).meta({ id: "Firmware" });

/** Schema of {@link MachineQuirks}. */
export const machineQuirksSchema: z.ZodType<MachineQuirks> = z
  .strictObject({
    pxeStyle: z.enum(["option43", "port4011"]).optional(),
    efiProgram: z.enum(["snponly", "ipxe"]).optional(),
    replaceFirmwareIpxe: z.boolean().optional(),
  })
  .meta({ id: "MachineQuirks", description: "Ways around faults of one machine's firmware" });

/** Schema of {@link BootSettings}. */
export const bootSettingsSchema: z.ZodType<BootSettings> = z
  .object({ plan: bootPlanSchema.optional(), image: imageReferenceSchema.optional(), mode: diskModeSchema.optional() })
  .meta({ id: "BootSettings" });

/** Schema of {@link MachineTraffic}. */
export const machineTrafficSchema: z.ZodType<MachineTraffic> = z
  .object({ sessions: amountSchema, readBytesPerSecond: amountSchema, writtenBytesPerSecond: amountSchema })
  .meta({ id: "MachineTraffic" });

/** Schema of {@link Machine}. */
export const machineSchema: z.ZodType<Machine> = z
  .object({
    id: z.string(),
    name: nameSchema,
    macs: z.array(macSchema).max(MAX_MACS_PER_MACHINE),
    group: nameSchema.optional(),
    site: nameSchema.optional(),
    comment: z.string().optional(),
    uuid: uuidSchema.optional(),
    serial: z.string().optional(),
    manufacturer: z.string().optional(),
    product: z.string().optional(),
    firmware: firmwareSchema,
    plan: bootPlanSchema,
    planFrom: settingSourceSchema,
    image: imageReferenceSchema.optional(),
    imageFrom: settingSourceSchema,
    mode: diskModeSchema,
    modeFrom: settingSourceSchema,
    own: bootSettingsSchema,
    quirks: machineQuirksSchema,
    chap: z.object({ user: z.string() }).optional(),
    state: machineStateSchema,
    createdAt: timeSchema,
    lastSeenAt: timeSchema.optional(),
    lastEvent: z.object({ id: amountSchema, at: timeSchema, kind: z.string(), message: z.string() }).optional(),
    address: z.ipv4().optional(),
    boot: bootTimelineSchema.optional(),
    traffic: machineTrafficSchema,
  })
  .meta({ id: "Machine", description: "A computer in the inventory" });

/** What CHAP user and secret a machine's disk asks for. */
export interface ChapCredentials {
  readonly user: string;
  /** 12 to 255 printable ASCII characters: RFC 7143 §12.1.4 asks for at least 96 bits. */
  readonly secret: string;
}

const chapSchema: z.ZodType<ChapCredentials> = z
  .strictObject({
    user: z.string().regex(/^[\x21-\x7e]{1,63}$/, "a CHAP user is 1 to 63 printable ASCII characters without spaces"),
    secret: z
      .string()
      .regex(
        /^[\x21-\x7e]{12,255}$/,
        "a CHAP secret is 12 to 255 printable ASCII characters without spaces (RFC 7143 §12.1.4)",
      ),
  })
  .meta({ id: "ChapCredentials" });

/** Body of `POST /api/v1/machines`. */
export interface CreateMachine {
  /** Default: made from the first MAC address. */
  readonly name?: string | undefined;
  readonly macs: readonly string[];
  readonly group?: string | undefined;
  readonly site?: string | undefined;
  readonly comment?: string | undefined;
  readonly uuid?: string | undefined;
  readonly plan?: BootPlan | undefined;
  /** `NAME`, `NAME:VERSION` or `NAME:TAG`. */
  readonly image?: string | undefined;
  readonly mode?: DiskMode | undefined;
  readonly quirks?: MachineQuirks | undefined;
  readonly chap?: ChapCredentials | undefined;
}

/** Body of `PATCH /api/v1/machines/{machine}`: what is absent stays, `null` takes the setting away. */
export interface PatchMachine {
  readonly name?: string | undefined;
  readonly macs?: readonly string[] | undefined;
  readonly group?: string | null | undefined;
  readonly site?: string | null | undefined;
  readonly comment?: string | null | undefined;
  readonly uuid?: string | null | undefined;
  readonly plan?: BootPlan | null | undefined;
  readonly image?: string | null | undefined;
  readonly mode?: DiskMode | null | undefined;
  /** Replaces all quirks. */
  readonly quirks?: MachineQuirks | undefined;
  readonly chap?: ChapCredentials | null | undefined;
}

const commentSchema: z.ZodType<string> = z.string().max(MAX_TEXT_LENGTH);
const macsInputSchema: z.ZodType<string[]> = z.array(macInputSchema).min(1).max(MAX_MACS_PER_MACHINE);
const uuidInputSchema: z.ZodType<string> = z.guid();

/** Schema of {@link CreateMachine}. Unknown keys are refused. */
export const createMachineSchema: z.ZodType<CreateMachine> = z
  .strictObject({
    name: nameSchema.optional(),
    macs: macsInputSchema,
    group: nameSchema.optional(),
    site: nameSchema.optional(),
    comment: commentSchema.optional(),
    uuid: uuidInputSchema.optional(),
    plan: bootPlanSchema.optional(),
    image: imageReferenceTextSchema.optional(),
    mode: diskModeSchema.optional(),
    quirks: machineQuirksSchema.optional(),
    chap: chapSchema.optional(),
  })
  .meta({ id: "CreateMachine" });

/** Schema of {@link PatchMachine}. Unknown keys are refused. */
export const patchMachineSchema: z.ZodType<PatchMachine> = z
  .strictObject({
    name: nameSchema.optional(),
    macs: macsInputSchema.optional(),
    group: nameSchema.nullish(),
    site: nameSchema.nullish(),
    comment: commentSchema.nullish(),
    uuid: uuidInputSchema.nullish(),
    plan: bootPlanSchema.nullish(),
    image: imageReferenceTextSchema.nullish(),
    mode: diskModeSchema.nullish(),
    quirks: machineQuirksSchema.optional(),
    chap: chapSchema.nullish(),
  })
  .meta({ id: "PatchMachine" });
