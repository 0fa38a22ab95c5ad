import {
  imagePageSchema,
  imageSchema,
  imageVerificationSchema,
  NAME_RULE,
  nameSchema,
  parseImageReference,
  type ImageReference,
  putTagSchema,
  SPARSE_MEDIA_TYPE,
  tagSchema,
  UPLOAD_ANSWER_MEDIA_TYPE,
  uploadLineSchema,
} from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { reported } from "./api-errors.ts";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { ControlError } from "./errors.ts";
import { receiveImage } from "./image-upload.ts";
import { MAX_TEXT_LENGTH } from "@ingot/api";
import { failures, jsonBody, jsonResponse, newRoutes, pageOf, pageQuerySchema } from "./route-parts.ts";

const nameParameter = z.object({ name: nameSchema });
const tagParameter = z.object({ name: nameSchema, tag: tagSchema });
const referenceParameter = z.object({
  reference: z.string().max(200).meta({ description: "NAME, NAME:VERSION or NAME:TAG", example: "win11-lab:7" }),
});

const listRoute = createRoute({
  operationId: "listImages",
  method: "get",
  path: "/images",
  tags: ["images"],
  summary: "List images by name",
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(imagePageSchema, "One page of images"), ...failures },
});

const getRoute = createRoute({
  operationId: "getImage",
  method: "get",
  path: "/images/{reference}",
  tags: ["images"],
  summary: "Show an image, or one version of it",
  request: { params: referenceParameter },
  responses: { 200: jsonResponse(imageSchema, "The image; with a version or tag, only that version"), ...failures },
});

const deleteRoute = createRoute({
  operationId: "removeImage",
  method: "delete",
  path: "/images/{reference}",
  tags: ["images"],
  summary: "Remove an image, or one version of it",
  description: "Refused with `inUse` while a machine, a group, a disk, a tag or the server's default needs it.",
  request: { params: referenceParameter },
  responses: { 204: { description: "It is gone" }, ...failures },
});

const uploadRoute = createRoute({
  operationId: "addImageVersion",
  method: "post",
  path: "/images/{name}/versions",
  tags: ["images"],
  summary: "Add a version",
  description:
    "The body is an image in the sparse upload format. The answer comes line by line while the upload runs; its last line says whether the version exists.",
  request: {
    params: nameParameter,
    query: z.object({ comment: z.string().max(MAX_TEXT_LENGTH).optional() }),
    body: { required: true, content: { [SPARSE_MEDIA_TYPE]: { schema: z.string().meta({ format: "binary" }) } } },
  },
  responses: {
    200: { description: "Lines of JSON", content: { [UPLOAD_ANSWER_MEDIA_TYPE]: { schema: uploadLineSchema } } },
    ...failures,
  },
});

const verifyRoute = createRoute({
  operationId: "verifyImage",
  method: "post",
  path: "/images/{reference}/verify",
  tags: ["images"],
  summary: "Read everything that a version is made of again, and say what is wrong",
  request: { params: referenceParameter },
  responses: { 200: jsonResponse(imageVerificationSchema, "What was found"), ...failures },
});

const putTagRoute = createRoute({
  operationId: "putImageTag",
  method: "put",
  path: "/images/{name}/tags/{tag}",
  tags: ["images"],
  summary: "Point a tag at a version",
  request: { params: tagParameter, body: jsonBody(putTagSchema) },
  responses: { 200: jsonResponse(imageSchema, "The image"), ...failures },
});

const deleteTagRoute = createRoute({
  operationId: "removeImageTag",
  method: "delete",
  path: "/images/{name}/tags/{tag}",
  tags: ["images"],
  summary: "Take a tag away",
  request: { params: tagParameter },
  responses: { 200: jsonResponse(imageSchema, "The image"), ...failures },
});

/** Routes of `/images`. */
export function imageRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const { images } = control;
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await images.list({ limit: limit + 1, after: cursor });
    return context.json(
      pageOf(found, limit, (await images.totals()).images, (image) => image.name),
      200,
    );
  });
  routes.openapi(getRoute, async (context) => {
    const reference = requireReference(context.req.valid("param").reference);
    return context.json(await images.get(reference), 200);
  });
  routes.openapi(deleteRoute, async (context) => {
    await images.remove(requireReference(context.req.valid("param").reference));
    return context.body(null, 204);
  });
  routes.openapi(uploadRoute, async (context) => {
    const { name } = context.req.valid("param");
    const { comment } = context.req.valid("query");
    const { body } = context.req.raw;
    const mediaType = context.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (mediaType !== SPARSE_MEDIA_TYPE || body === null) {
      const got = body === null ? "no body" : JSON.stringify(mediaType ?? "no content type");
      const { status, error } = reported(
        "unsupportedMediaType",
        `image upload: got ${got}, expected ${SPARSE_MEDIA_TYPE}`,
      );
      return context.json({ error }, status);
    }
    const answer = await receiveImage({ images, clock: control.clock, onError: control.onError, name, body, comment });
    return new Response(answer, { headers: { "content-type": UPLOAD_ANSWER_MEDIA_TYPE, "cache-control": "no-store" } });
  });
  routes.openapi(verifyRoute, async (context) => {
    const reference = requireReference(context.req.valid("param").reference);
    return context.json(await images.verify(reference, context.req.raw.signal), 200);
  });
  routes.openapi(putTagRoute, async (context) => {
    const { name, tag } = context.req.valid("param");
    return context.json(await images.setTag(name, tag, context.req.valid("json").version), 200);
  });
  routes.openapi(deleteTagRoute, async (context) => {
    const { name, tag } = context.req.valid("param");
    return context.json(await images.removeTag(name, tag), 200);
  });
  return routes;
}

function requireReference(text: string): ImageReference {
  const reference = parseImageReference(text);
  if (reference !== undefined) return reference;
  throw new ControlError(
    "invalidRequest",
    `image ${JSON.stringify(text)}: expected NAME, NAME:VERSION or NAME:TAG; a name has ${NAME_RULE}`,
  );
}
