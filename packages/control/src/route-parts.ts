import { apiErrorBodySchema, type Page, pageQueryShape } from "@ingot/api";
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Env } from "hono";
import { reported } from "./api-errors.ts";
import { ControlError } from "./errors.ts";

/** An app whose routes refuse malformed requests in the API's own form. */
export function newRoutes(): OpenAPIHono<Env> {
  return new OpenAPIHono<Env>({
    defaultHook: (result, context) => {
      if (result.success) return undefined;
      const issues = result.error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
      const [first] = issues;
      const where =
        first === undefined ? "request" : [result.target, first.path].filter((part) => part !== "").join(" ");
      const { status, error } = reported("invalidRequest", `${where}: ${first?.message ?? "malformed"}`, { issues });
      return context.json({ error }, status);
    },
  });
}

interface JsonResponse<Schema> {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: Schema } };
}

/** A response that is JSON. */
export function jsonResponse<Schema extends z.ZodType>(schema: Schema, description: string): JsonResponse<Schema> {
  return { description, content: { "application/json": { schema } } };
}

/** A request body that is JSON, and must be there. */
export function jsonBody<Schema extends z.ZodType>(
  schema: Schema,
): { readonly required: true; readonly content: { readonly "application/json": { readonly schema: Schema } } } {
  return { required: true, content: { "application/json": { schema } } };
}

/** What every route may answer besides its success. */
export const failures: {
  readonly "4XX": JsonResponse<typeof apiErrorBodySchema>;
  readonly "5XX": JsonResponse<typeof apiErrorBodySchema>;
} = {
  "4XX": jsonResponse(apiErrorBodySchema, "Refused; `error.code` says why"),
  "5XX": jsonResponse(apiErrorBodySchema, "The server could not"),
};

/** Query of lists by name. */
export const pageQuerySchema: z.ZodObject<typeof pageQueryShape> = z.object(pageQueryShape);

/** `?force=true`. */
export const forceQuerySchema: z.ZodObject<{ readonly force: z.ZodType<boolean> }> = z.object({
  force: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .meta({ description: "End open sessions instead of refusing" }),
});

/** Cuts a list that was read with one entry more than wanted. The cursor is made from the last entry that is shown. */
export function pageOf<Item>(
  found: readonly Item[],
  limit: number,
  total: number,
  cursorOf: (item: Item) => string,
): Page<Item> {
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, total, ...(found.length > limit && last !== undefined && { nextCursor: cursorOf(last) }) };
}

/** The cursor of a list by number. @throws ControlError `invalidRequest`. */
export function parseNumberCursor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new ControlError("invalidRequest", `cursor ${JSON.stringify(text)}: expected a number`);
  return Number(text);
}
