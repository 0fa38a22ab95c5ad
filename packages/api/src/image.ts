import { z } from "zod";
import { nameSchema, tagSchema } from "./names.ts";
import { amountSchema, timeSchema } from "./values.ts";

/** One immutable version of an image. */
export interface ImageVersion {
  /** Counts up from 1; a number is never given twice, even after its version was removed. */
  readonly version: number;
  /** SHA-256 of the manifest: the version's identity. */
  readonly manifestId: string;
  readonly createdAt: string;
  /** The disk's size as a machine sees it. */
  readonly sizeBytes: number;
  /** How much of it is not zeros. */
  readonly dataBytes: number;
  /** Content that no other version shares. */
  readonly uniqueBytes: number;
  /** What this version added to the store when it came, compressed. */
  readonly storedBytes: number;
  readonly chunkCount: number;
  readonly comment?: string | undefined;
  /** How many machines and groups need this version: by their settings, or by a disk made from it. */
  readonly inUseBy: number;
}

/** What an operator names; holds versions. */
export interface Image {
  readonly name: string;
  readonly createdAt: string;
  /** Ascending. */
  readonly versions: readonly ImageVersion[];
  /** Tag to version number. */
  readonly tags: Readonly<Record<string, number>>;
}

/** Schema of {@link ImageVersion}. */
export const imageVersionSchema: z.ZodType<ImageVersion> = z
  .object({
    version: z.int().positive(),
    manifestId: z.string().regex(/^[0-9a-f]{64}$/),
    createdAt: timeSchema,
    sizeBytes: amountSchema,
    dataBytes: amountSchema,
    uniqueBytes: amountSchema,
    storedBytes: amountSchema,
    chunkCount: amountSchema,
    comment: z.string().optional(),
    inUseBy: amountSchema,
  })
  .meta({ id: "ImageVersion", description: "One immutable version of an image" });

/** Schema of {@link Image}. */
export const imageSchema: z.ZodType<Image> = z
  .object({
    name: nameSchema,
    createdAt: timeSchema,
    versions: z.array(imageVersionSchema),
    tags: z.record(tagSchema, z.int().positive()),
  })
  .meta({ id: "Image", description: "What an operator names; holds versions" });

/** Body of `PUT /api/v1/images/{name}/tags/{tag}`. */
export interface PutTag {
  readonly version: number;
}

/** Schema of {@link PutTag}. */
export const putTagSchema: z.ZodType<PutTag> = z.strictObject({ version: z.int().positive() }).meta({ id: "PutTag" });

/** Something that a check of an image found. */
export interface ImageDamage {
  /** SHA-256 of the chunk or manifest that cannot be trusted. */
  readonly digest: string;
  readonly problem: "missing" | "damaged";
  /** Which pack file, and what was found there. */
  readonly message: string;
}

/** Answer of `POST /api/v1/images/{ref}/verify`. */
export interface ImageVerification {
  readonly name: string;
  readonly version: number;
  readonly chunkCount: number;
  readonly checkedBytes: number;
  /** Empty where everything is as it was stored. Cut off at 1000 entries. */
  readonly damage: readonly ImageDamage[];
}

/** Schema of {@link ImageVerification}. */
export const imageVerificationSchema: z.ZodType<ImageVerification> = z
  .object({
    name: nameSchema,
    version: z.int().positive(),
    chunkCount: amountSchema,
    checkedBytes: amountSchema,
    damage: z
      .array(z.object({ digest: z.string(), problem: z.enum(["missing", "damaged"]), message: z.string() }))
      .max(1000),
  })
  .meta({ id: "ImageVerification" });
