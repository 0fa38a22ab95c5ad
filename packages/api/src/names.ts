import { z } from "zod";
import { MAX_NAME_LENGTH } from "./limits.ts";

const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const tagPattern = /^[a-z][a-z0-9._-]{0,62}$/;
const versionPattern = /^[1-9][0-9]{0,8}$/;

/** The rule that names of machines, groups, sites and images obey, as one sentence for messages and forms. */
export const NAME_RULE: string =
  "1 to 63 characters: lower-case letters, digits, '.', '_' and '-', starting with a letter or digit";

/** The rule for tags. A tag starts with a letter, so that it is never mistaken for a version number. */
export const TAG_RULE: string =
  "1 to 63 characters: lower-case letters, digits, '.', '_' and '-', starting with a letter; not 'latest'";

/** Whether `text` may name a machine, group, site or image. Such a name never is a path. */
export function isName(text: string): boolean {
  return namePattern.test(text);
}

/** Whether `text` may be a tag. `latest` is what a bare image name already means, so no tag may be called that. */
export function isTag(text: string): boolean {
  return tagPattern.test(text) && text !== "latest";
}

/** A name of a machine, group, site or image. */
export const nameSchema: z.ZodType<string, string> = z
  .string()
  .max(MAX_NAME_LENGTH)
  .regex(namePattern, NAME_RULE)
  .meta({ id: "Name", description: NAME_RULE, example: "win11-lab" });

/** A tag of an image. */
export const tagSchema: z.ZodType<string, string> = z
  .string()
  .regex(tagPattern, TAG_RULE)
  .refine((text) => text !== "latest", TAG_RULE)
  .meta({ id: "Tag", description: TAG_RULE, example: "stable" });

/**
 * Which version of an image is meant. At most one of `version` and `tag` is there; without both, the newest version is meant.
 */
export interface ImageReference {
  readonly name: string;
  readonly version?: number | undefined;
  readonly tag?: string | undefined;
}

/** Schema of {@link ImageReference}. */
export const imageReferenceSchema: z.ZodType<ImageReference> = z
  .object({ name: nameSchema, version: z.int().positive().optional(), tag: tagSchema.optional() })
  .meta({
    id: "ImageReference",
    description: "An image and, where fixed, its version or tag; neither means the newest version",
  });

/** Reads `NAME`, `NAME:VERSION` or `NAME:TAG`; `undefined` where `text` is none of these. */
export function parseImageReference(text: string): ImageReference | undefined {
  const [name = "", selector, ...rest] = text.split(":");
  if (rest.length > 0 || !isName(name)) return undefined;
  if (selector === undefined || selector === "latest") return { name };
  if (versionPattern.test(selector)) return { name, version: Number(selector) };
  return isTag(selector) ? { name, tag: selector } : undefined;
}

/** Writes a reference as `NAME`, `NAME:VERSION` or `NAME:TAG`. */
export function formatImageReference(reference: ImageReference): string {
  const selector = reference.version ?? reference.tag;
  return selector === undefined ? reference.name : `${reference.name}:${selector}`;
}

/** An image reference as text, the way operators write it. */
export const imageReferenceTextSchema: z.ZodType<string, string> = z
  .string()
  .refine(
    (text) => parseImageReference(text) !== undefined,
    `an image is written NAME, NAME:VERSION or NAME:TAG; a name has ${NAME_RULE}`,
  )
  .meta({ id: "ImageReferenceText", description: "NAME, NAME:VERSION or NAME:TAG", example: "win11-lab:7" });
