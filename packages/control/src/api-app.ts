import type { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { agentRoutes } from "./agents/agent-routes.ts";
import { reported, reportError } from "./api-errors.ts";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { diskRoutes } from "./disk-routes.ts";
import { eventRoutes } from "./event-routes.ts";
import { groupRoutes } from "./group-routes.ts";
import { imageRoutes } from "./image-routes.ts";
import { jobRoutes } from "./jobs/job-routes.ts";
import { MAX_JSON_BODY_BYTES } from "./limits.ts";
import { machineRoutes } from "./machine-routes.ts";
import { type GuardOptions, guardRequests } from "./request-guard.ts";
import { newRoutes } from "./route-parts.ts";
import { sessionRoutes } from "./session-routes.ts";
import { statusRoutes } from "./status-routes.ts";

/** Where the API is under the server's address. */
const API_BASE_PATH: string = "/api/v1";

const uploadPath = /^\/api\/v1\/images\/[^/]+\/versions$/;

/**
 * The REST API: a function from request to response, without a port. Its document is at `/api/v1/openapi.json`.
 * The answer's `fetch` is what a server calls; paths outside of `/api/v1` are answered with `notFound`.
 */
export function createApiApp<Device extends OpenDisk>(
  control: Control<Device>,
  options: GuardOptions = {},
): OpenAPIHono {
  const app = newRoutes();
  app.use(guardRequests(options));
  app.use(async (context, next) => {
    await next();
    // Answers are data and belong to one moment; a browser must not guess that one of them is a page.
    context.header("x-content-type-options", "nosniff");
    if (!context.res.headers.has("cache-control")) context.header("cache-control", "no-store");
  });
  const limited = bodyLimit({
    maxSize: MAX_JSON_BODY_BYTES,
    onError: (context) => {
      const { status, error } = reported("tooLarge", `request body: more than ${MAX_JSON_BODY_BYTES} bytes`);
      return context.json({ error }, status);
    },
  });
  // An upload is as long as it is; it is read record by record.
  app.use((context, next) => (uploadPath.test(context.req.path) ? next() : limited(context, next)));
  app.onError((error, context) => {
    const report = reportError(error);
    if (report.unexpected) control.onError(error);
    return context.json({ error: report.error }, report.status);
  });
  app.notFound((context) => {
    const { status, error } = reported("notFound", `${context.req.method} ${context.req.path}: there is nothing here`);
    return context.json({ error }, status);
  });
  for (const routes of [
    statusRoutes(control),
    machineRoutes(control),
    groupRoutes(control),
    imageRoutes(control),
    diskRoutes(control),
    sessionRoutes(control),
    jobRoutes(control),
    agentRoutes(control),
    eventRoutes(control),
  ]) {
    app.route(API_BASE_PATH, routes);
  }
  app.doc31(`${API_BASE_PATH}/openapi.json`, {
    openapi: "3.1.0",
    info: {
      title: "Ingot",
      version: control.version,
      description:
        "Machines, images and disks of one Ingot server. Errors are `{ error: { code, message, details? } }`.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
  });
  return app;
}
