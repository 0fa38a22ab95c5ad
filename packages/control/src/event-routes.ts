import { eventPageSchema, liveMessageSchema, pageQueryShape } from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { openEventStream } from "./event-stream.ts";
import { failures, jsonResponse, newRoutes, pageOf, parseNumberCursor } from "./route-parts.ts";

const listRoute = createRoute({
  operationId: "listEvents",
  method: "get",
  path: "/events",
  tags: ["events"],
  summary: "List the history, oldest first",
  request: {
    query: z.object({
      ...pageQueryShape,
      machine: z
        .string()
        .max(100)
        .optional()
        .meta({ description: "Only events of this machine: id, name or MAC address" }),
      after: z.coerce.number().int().min(0).optional().meta({ description: "Only events with a higher number" }),
      latest: z
        .enum(["true", "false"])
        .default("false")
        .meta({ description: "The last page instead of the first; with neither `after` nor `cursor`" }),
    }),
  },
  responses: { 200: jsonResponse(eventPageSchema, "One page of events"), ...failures },
});

const streamRoute = createRoute({
  operationId: "followEvents",
  method: "get",
  path: "/events/stream",
  tags: ["events"],
  summary: "Follow changes as server-sent events",
  description:
    "Each `data` is one LiveMessage. Ask for the lists again after each `hello`. `Last-Event-ID` brings missed events back.",
  request: {
    query: z.object({
      lastEventId: z.string().max(20).optional().meta({ description: "As the header `Last-Event-ID`" }),
    }),
  },
  responses: {
    200: { description: "The stream", content: { "text/event-stream": { schema: liveMessageSchema } } },
    ...failures,
  },
});

/** Routes of `/events`. */
export function eventRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor, after, machine, latest } = context.req.valid("query");
    // Events of machines that are gone are still there under their id.
    const known = machine === undefined ? undefined : await control.machines.find(machine);
    const id = known?.row.id ?? machine;
    const start = parseNumberCursor(cursor) ?? after;
    if (latest === "true" && start === undefined) {
      const items = await control.events.latest({ limit, machine: id });
      return context.json({ items, total: await control.events.count(id) }, 200);
    }
    const found = await control.events.list({ limit: limit + 1, after: start, machine: id });
    return context.json(
      pageOf(found, limit, await control.events.count(id), (event) => String(event.id)),
      200,
    );
  });
  routes.openapi(streamRoute, async (context) => {
    const since = parseNumberCursor(context.req.header("last-event-id") ?? context.req.valid("query").lastEventId);
    const { events, hub, clock, version } = control;
    const stream = await openEventStream({ events, hub, clock, version, since });
    return new Response(stream, {
      headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
    });
  });
  return routes;
}
