import { z } from "zod";
import { MAX_TEXT_LENGTH } from "./limits.ts";
import {
  type BootPlan,
  type BootSettings,
  bootPlanSchema,
  bootSettingsSchema,
  type DiskMode,
  diskModeSchema,
} from "./machine.ts";
import { imageReferenceTextSchema, nameSchema } from "./names.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** Machines that share settings. */
export interface Group {
  readonly name: string;
  readonly comment?: string | undefined;
  /** What the group's machines get where they have no setting of their own. */
  readonly settings: BootSettings;
  readonly machineCount: number;
  readonly createdAt: string;
}

/** Schema of {@link Group}. */
export const groupSchema: z.ZodType<Group> = z
  .object({
    name: nameSchema,
    comment: z.string().optional(),
    settings: bootSettingsSchema,
    machineCount: amountSchema,
    createdAt: timeSchema,
  })
  .meta({ id: "Group", description: "Machines that share settings" });

/** Body of `PUT /api/v1/groups/{name}`: the whole group; what is absent is not set. */
export interface PutGroup {
  readonly comment?: string | undefined;
  readonly plan?: BootPlan | undefined;
  /** `NAME`, `NAME:VERSION` or `NAME:TAG`. */
  readonly image?: string | undefined;
  readonly mode?: DiskMode | undefined;
}

/** Schema of {@link PutGroup}. Unknown keys are refused. */
export const putGroupSchema: z.ZodType<PutGroup> = z
  .strictObject({
    comment: z.string().max(MAX_TEXT_LENGTH).optional(),
    plan: bootPlanSchema.optional(),
    image: imageReferenceTextSchema.optional(),
    mode: diskModeSchema.optional(),
  })
  .meta({ id: "PutGroup" });
