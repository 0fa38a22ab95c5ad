import { diskPageSchema, diskSchema } from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { failures, forceQuerySchema, jsonResponse, newRoutes, pageOf, pageQuerySchema } from "./route-parts.ts";

const machineParameter = z.object({
  machine: z.string().max(100).meta({ description: "The machine's id, name or MAC address", example: "pc-01" }),
});

const listRoute = createRoute({
  operationId: "listDisks",
  method: "get",
  path: "/disks",
  tags: ["disks"],
  summary: "List disks by their machine's name",
  request: { query: pageQuerySchema },
  responses: {
    200: jsonResponse(diskPageSchema, "One page of disks; `total` counts machines, with and without a disk"),
    ...failures,
  },
});

const getRoute = createRoute({
  operationId: "getDisk",
  method: "get",
  path: "/disks/{machine}",
  tags: ["disks"],
  summary: "Show a machine's disk",
  description: "Any initiator may log in to `target` at `portal` from now on.",
  request: { params: machineParameter },
  responses: { 200: jsonResponse(diskSchema, "The disk"), ...failures },
});

const resetRoute = createRoute({
  operationId: "resetDisk",
  method: "post",
  path: "/disks/{machine}/reset",
  tags: ["disks"],
  summary: "Throw a machine's changes away",
  request: { params: machineParameter, query: forceQuerySchema },
  responses: { 200: jsonResponse(diskSchema, "The empty disk"), ...failures },
});

const deleteRoute = createRoute({
  operationId: "removeDisk",
  method: "delete",
  path: "/disks/{machine}",
  tags: ["disks"],
  summary: "Remove a machine's disk",
  description: "As reset, but also where no image is set for the machine any more.",
  request: { params: machineParameter, query: forceQuerySchema },
  responses: { 204: { description: "It is gone" }, ...failures },
});

/** Routes of `/disks`. */
export function diskRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await control.disks.list({ limit: limit + 1, after: cursor });
    return context.json(
      pageOf(found, limit, await control.machines.count(), (disk) => disk.machineName),
      200,
    );
  });
  routes.openapi(getRoute, async (context) =>
    context.json(await control.disks.get(context.req.valid("param").machine), 200),
  );
  routes.openapi(resetRoute, async (context) =>
    context.json(await control.disks.reset(context.req.valid("param").machine, context.req.valid("query")), 200),
  );
  routes.openapi(deleteRoute, async (context) => {
    await control.disks.remove(context.req.valid("param").machine, context.req.valid("query"));
    return context.body(null, 204);
  });
  return routes;
}
