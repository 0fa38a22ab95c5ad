import { pageQueryShape, sessionPageSchema } from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { failures, jsonResponse, newRoutes, pageOf, parseNumberCursor } from "./route-parts.ts";

const listRoute = createRoute({
  operationId: "listSessions",
  method: "get",
  path: "/sessions",
  tags: ["sessions"],
  summary: "List the iSCSI sessions that are open now, in the order in which they began",
  description:
    "Rates are averages of the last three seconds. Latencies are of the last half minute or so, by samples. New figures come once a second.",
  request: {
    query: z.object({
      ...pageQueryShape,
      machine: z
        .string()
        .max(100)
        .optional()
        .meta({ description: "Only sessions of this machine: id, name or MAC address" }),
    }),
  },
  responses: { 200: jsonResponse(sessionPageSchema, "One page of sessions"), ...failures },
});

/** Routes of `/sessions`. */
export function sessionRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor, machine } = context.req.valid("query");
    const machineId = machine === undefined ? undefined : (await control.machines.record(machine)).row.id;
    const found = await control.sessions.list({ limit: limit + 1, after: parseNumberCursor(cursor), machineId });
    const page = pageOf(found, limit, control.sessions.countOf(machineId), ({ place }) => String(place));
    return context.json({ ...page, items: page.items.map(({ session }) => session) }, 200);
  });
  return routes;
}
