import { z } from "zod";
import { MAX_DISKS_PER_MACHINE, MAX_FACT_TEXT, MAX_MACS_PER_MACHINE } from "./limits.ts";
import { type Firmware, firmwareSchema } from "./machine.ts";
import { amountSchema, macSchema, uuidSchema } from "./values.ts";

/** Where an agent runs: in memory, booted for this, or on an operating system that was there before. */
export const AGENT_SYSTEMS = ["ram", "installed"] as const;
/** One of {@link AGENT_SYSTEMS}. */
export type AgentSystem = (typeof AGENT_SYSTEMS)[number];

/** A network card as the agent sees it. */
export interface AgentNic {
  /** The kernel's name. */
  readonly name: string;
  readonly mac: string;
  readonly driver?: string | undefined;
  /** Of the link, absent while it is down. */
  readonly megabitsPerSecond?: number | undefined;
  readonly address?: string | undefined;
}

/** How a disk is attached. */
export const DISK_TRANSPORTS = ["nvme", "sata", "sas", "scsi", "virtio", "mmc", "usb", "raid", "other"] as const;
/** One of {@link DISK_TRANSPORTS}. */
export type DiskTransport = (typeof DISK_TRANSPORTS)[number];

/** A disk as the agent sees it. */
export interface AgentDisk {
  /** The kernel's name now, for people: it may be another one after the next boot, so no rule goes by it. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes?: number | undefined;
  readonly transport: DiskTransport;
  readonly rotational: boolean;
  /** Can be pulled out: a stick, a card. */
  readonly removable: boolean;
  readonly wwn?: string | undefined;
  readonly serial?: string | undefined;
  readonly model?: string | undefined;
  /** What SMART says: false where the disk itself expects to fail; absent where it does not say. */
  readonly healthy?: boolean | undefined;
  /** What is on it that a deployment must not ignore: `BitLocker`, `linux_raid_member`, `isw_raid_member`, `LVM2_member`, `mounted`, … */
  readonly signatures: readonly string[];
}

/** What a machine's agent says of the machine. All of it is a claim. */
export interface AgentInventory {
  readonly system: AgentSystem;
  /** Version of the agent. */
  readonly agentVersion: string;
  readonly hostName?: string | undefined;
  /** Network cards; the one that the machine booted from first, where that is known. */
  readonly nics: readonly AgentNic[];
  readonly disks: readonly AgentDisk[];
  readonly uuid?: string | undefined;
  readonly serial?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly firmware: Firmware;
  /** Absent where the firmware knows no Secure Boot. */
  readonly secureBoot?: boolean | undefined;
  /** Version of the TPM, `1.2` or `2.0`; absent where there is none. */
  readonly tpm?: string | undefined;
  readonly cpu?: { readonly model: string; readonly threads: number } | undefined;
  readonly memoryBytes?: number | undefined;
  readonly battery?: { readonly percent: number; readonly charging: boolean } | undefined;
  /** Branch and switch, where the machine knows them (LLDP, configuration); the swarm keeps traffic within them. */
  readonly site?: string | undefined;
  readonly switchName?: string | undefined;
}

const factSchema: z.ZodType<string> = z.string().max(MAX_FACT_TEXT);

const nicSchema: z.ZodType<AgentNic> = z.object({
  name: factSchema,
  mac: macSchema,
  driver: factSchema.optional(),
  megabitsPerSecond: amountSchema.optional(),
  address: z.union([z.ipv4(), z.ipv6()]).optional(),
});

const sectorSchema: z.ZodType<number> = z.int().min(512).max(65_536);

/** Schema of {@link AgentDisk}. */
export const agentDiskSchema: z.ZodType<AgentDisk> = z
  .object({
    path: factSchema,
    sizeBytes: amountSchema,
    logicalSectorBytes: sectorSchema,
    physicalSectorBytes: sectorSchema.optional(),
    transport: z.enum(DISK_TRANSPORTS),
    rotational: z.boolean(),
    removable: z.boolean(),
    wwn: factSchema.optional(),
    serial: factSchema.optional(),
    model: factSchema.optional(),
    healthy: z.boolean().optional(),
    signatures: z.array(factSchema).max(64),
  })
  .meta({ id: "AgentDisk" });

/** Schema of {@link AgentInventory}. Unknown keys are ignored: newer agents may say more. */
export const agentInventorySchema: z.ZodType<AgentInventory> = z
  .object({
    system: z.enum(AGENT_SYSTEMS),
    agentVersion: factSchema,
    hostName: factSchema.optional(),
    nics: z.array(nicSchema).max(MAX_MACS_PER_MACHINE),
    disks: z.array(agentDiskSchema).max(MAX_DISKS_PER_MACHINE),
    uuid: uuidSchema.optional(),
    serial: factSchema.optional(),
    manufacturer: factSchema.optional(),
    product: factSchema.optional(),
    firmware: firmwareSchema,
    secureBoot: z.boolean().optional(),
    tpm: factSchema.optional(),
    cpu: z.object({ model: factSchema, threads: amountSchema }).optional(),
    memoryBytes: amountSchema.optional(),
    battery: z.object({ percent: z.number().min(0).max(100), charging: z.boolean() }).optional(),
    site: factSchema.optional(),
    switchName: factSchema.optional(),
  })
  .meta({ id: "AgentInventory", description: "What a machine's agent says of the machine" });
