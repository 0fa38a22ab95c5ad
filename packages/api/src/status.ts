import { z } from "zod";
import { type EnrolmentMode, enrolmentModeSchema } from "./agent-admin.ts";
import {
  type BootPlan,
  bootPlanSchema,
  type DiskMode,
  diskModeSchema,
  MACHINE_STATES,
  type MachineState,
} from "./machine.ts";
import { type ImageReference, imageReferenceSchema, imageReferenceTextSchema } from "./names.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** One of the server's listeners. */
export interface ServiceStatus {
  /** `dhcp`, `proxydhcp`, `router-advert`, `tftp`, `boot-http`, `iscsi`, `api`. */
  readonly name: string;
  readonly state: "ready" | "off" | "failed";
  readonly address?: string | undefined;
  /** Why it is off or failed, or what it counted. */
  readonly detail?: string | undefined;
}

/** The whole server at one glance. */
export interface Status {
  readonly version: string;
  readonly startedAt: string;
  readonly services: readonly ServiceStatus[];
  readonly counts: {
    readonly machines: number;
    readonly machinesByState: Readonly<Record<MachineState, number>>;
    readonly groups: number;
    readonly images: number;
    readonly imageVersions: number;
    readonly disks: number;
    readonly sessions: number;
  };
  readonly store: StoreStatus;
  readonly traffic: TrafficStatus;
  readonly settings: Settings;
}

/** How full the chunk store is. */
export interface StoreStatus {
  readonly chunkCount: number;
  /** Plain content of all chunks, each counted once. */
  readonly chunkBytes: number;
  /** What the packs take on the disk. */
  readonly packBytes: number;
  /** Sum of all versions' data, as if nothing were shared: dedupe is `imageBytes / chunkBytes`. */
  readonly imageBytes: number;
  /** What all overlays take. */
  readonly overlayBytes: number;
  /** Free room where the store is; absent where the operating system does not say. */
  readonly freeBytes?: number | undefined;
}

/** iSCSI traffic of the whole server. */
export interface TrafficStatus {
  readonly readBytesPerSecond: number;
  readonly writtenBytesPerSecond: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

/** What holds where neither a machine nor its group says otherwise, and who may come in. */
export interface Settings {
  /** `open`: a machine that is not known is taken into the inventory when it first asks for a boot program. `closed`: it is refused. */
  readonly registration: "open" | "closed";
  readonly plan: BootPlan;
  readonly image?: ImageReference | undefined;
  readonly mode: DiskMode;
  /** Who is let in when an agent asks for the first time. */
  readonly enrolment: EnrolmentMode;
  /** A machine that is filled more slowly for half a minute is told of, in bytes a second; less where its link cannot bring that. */
  readonly alertBelowBytesPerSecond: number;
  /** A job of which a larger share of machines failed is told of, in percent. */
  readonly alertFailedPercent: number;
}

const alertRateSchema: z.ZodType<number> = z.int().min(0).max(1e12);
const alertPercentSchema: z.ZodType<number> = z.number().min(0).max(100);

/** Schema of {@link Settings}. */
export const settingsSchema: z.ZodType<Settings> = z
  .object({
    registration: z.enum(["open", "closed"]),
    plan: bootPlanSchema,
    image: imageReferenceSchema.optional(),
    mode: diskModeSchema,
    enrolment: enrolmentModeSchema,
    alertBelowBytesPerSecond: alertRateSchema,
    alertFailedPercent: alertPercentSchema,
  })
  .meta({ id: "Settings" });

/** Body of `PATCH /api/v1/settings`: what is absent stays, `null` takes the image away. */
export interface PatchSettings {
  readonly registration?: "open" | "closed" | undefined;
  readonly plan?: BootPlan | undefined;
  /** `NAME`, `NAME:VERSION` or `NAME:TAG`. */
  readonly image?: string | null | undefined;
  readonly mode?: DiskMode | undefined;
  readonly enrolment?: EnrolmentMode | undefined;
  readonly alertBelowBytesPerSecond?: number | undefined;
  readonly alertFailedPercent?: number | undefined;
}

/** Schema of {@link PatchSettings}. Unknown keys are refused. */
export const patchSettingsSchema: z.ZodType<PatchSettings> = z
  .strictObject({
    registration: z.enum(["open", "closed"]).optional(),
    plan: bootPlanSchema.optional(),
    image: imageReferenceTextSchema.nullish(),
    mode: diskModeSchema.optional(),
    enrolment: enrolmentModeSchema.optional(),
    alertBelowBytesPerSecond: alertRateSchema.optional(),
    alertFailedPercent: alertPercentSchema.optional(),
  })
  .meta({ id: "PatchSettings" });

/** Schema of {@link Status}. */
export const statusSchema: z.ZodType<Status> = z
  .object({
    version: z.string(),
    startedAt: timeSchema,
    services: z.array(
      z.object({
        name: z.string(),
        state: z.enum(["ready", "off", "failed"]),
        address: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
    counts: z.object({
      machines: amountSchema,
      machinesByState: z.record(z.enum(MACHINE_STATES), amountSchema),
      groups: amountSchema,
      images: amountSchema,
      imageVersions: amountSchema,
      disks: amountSchema,
      sessions: amountSchema,
    }),
    store: z.object({
      chunkCount: amountSchema,
      chunkBytes: amountSchema,
      packBytes: amountSchema,
      imageBytes: amountSchema,
      overlayBytes: amountSchema,
      freeBytes: amountSchema.optional(),
    }),
    traffic: z.object({
      readBytesPerSecond: amountSchema,
      writtenBytesPerSecond: amountSchema,
      bytesRead: amountSchema,
      bytesWritten: amountSchema,
    }),
    settings: settingsSchema,
  })
  .meta({ id: "Status", description: "The whole server at one glance" });
