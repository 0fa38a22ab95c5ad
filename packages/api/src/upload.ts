import { z } from "zod";
import { type ApiError, apiErrorSchema } from "./error.ts";
import { type ImageVersion, imageVersionSchema } from "./image.ts";
import { nameSchema } from "./names.ts";
import { amountSchema } from "./values.ts";

/** Media type of the body of `POST /api/v1/images/{name}/versions`. */
export const SPARSE_MEDIA_TYPE: string = "application/vnd.ingot.sparse";

/** Media type of its answer: one JSON object per line. */
export const UPLOAD_ANSWER_MEDIA_TYPE: string = "application/x-ndjson";

/**
 * One line of the answer to an upload. Any number of `progress` lines, then exactly one `result` or `error`. The HTTP status
 * is sent before the outcome is known, so only this last line says whether the version exists; an answer that ends without
 * it means that the connection broke.
 */
export type UploadLine =
  | {
      readonly type: "progress";
      /** How far in the image the server is. */
      readonly offsetBytes: number;
      readonly sizeBytes: number;
      /** Chunks so far that the store did not have. */
      readonly newChunkCount: number;
    }
  | {
      readonly type: "result";
      readonly name: string;
      readonly version: ImageVersion;
      /** Chunks that the store did not have before. */
      readonly newChunkCount: number;
      /** Same content as this version, which was there already; no new version was made. */
      readonly unchanged: boolean;
    }
  | { readonly type: "error"; readonly error: ApiError };

/** Schema of {@link UploadLine}. */
export const uploadLineSchema: z.ZodType<UploadLine> = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("progress"),
      offsetBytes: amountSchema,
      sizeBytes: amountSchema,
      newChunkCount: amountSchema,
    }),
    z.object({
      type: z.literal("result"),
      name: nameSchema,
      version: imageVersionSchema,
      newChunkCount: amountSchema,
      unchanged: z.boolean(),
    }),
    z.object({ type: z.literal("error"), error: apiErrorSchema }),
  ])
  .meta({ id: "UploadLine", description: "One line of the answer to an upload" });
