import { patchSettingsSchema, settingsSchema, statusSchema } from "@ingot/api";
import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { failures, jsonBody, jsonResponse, newRoutes } from "./route-parts.ts";

const statusRoute = createRoute({
  operationId: "getStatus",
  method: "get",
  path: "/status",
  tags: ["server"],
  summary: "The whole server at one glance",
  responses: { 200: jsonResponse(statusSchema, "The status"), ...failures },
});

const settingsRoute = createRoute({
  operationId: "getSettings",
  method: "get",
  path: "/settings",
  tags: ["server"],
  summary: "What holds where neither a machine nor its group says otherwise",
  responses: { 200: jsonResponse(settingsSchema, "The settings"), ...failures },
});

const patchRoute = createRoute({
  operationId: "changeSettings",
  method: "patch",
  path: "/settings",
  tags: ["server"],
  summary: "Change the server's settings",
  request: { body: jsonBody(patchSettingsSchema) },
  responses: { 200: jsonResponse(settingsSchema, "The settings as they are now"), ...failures },
});

/** Routes of `/status` and `/settings`. */
export function statusRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(statusRoute, async (context) => context.json(await control.status(), 200));
  routes.openapi(settingsRoute, (context) => context.json(control.settings.current, 200));
  routes.openapi(patchRoute, async (context) =>
    context.json(await control.changeSettings(context.req.valid("json")), 200),
  );
  return routes;
}
