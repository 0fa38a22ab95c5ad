import {
  createMachineSchema,
  machinePageSchema,
  machineSchema,
  nameSchema,
  pageQueryShape,
  patchMachineSchema,
} from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { failures, forceQuerySchema, jsonBody, jsonResponse, newRoutes, pageOf } from "./route-parts.ts";

const machineParameter = z.object({
  machine: z
    .string()
    .max(100)
    .meta({ description: "The machine's id, name or MAC address", example: "52:54:00:12:34:56" }),
});

const listRoute = createRoute({
  operationId: "listMachines",
  method: "get",
  path: "/machines",
  tags: ["machines"],
  summary: "List machines by name",
  request: {
    query: z.object({
      ...pageQueryShape,
      group: nameSchema.optional().meta({ description: "Only machines of this group" }),
    }),
  },
  responses: { 200: jsonResponse(machinePageSchema, "One page of machines"), ...failures },
});

const addRoute = createRoute({
  operationId: "addMachine",
  method: "post",
  path: "/machines",
  tags: ["machines"],
  summary: "Add a machine",
  request: { body: jsonBody(createMachineSchema) },
  responses: { 201: jsonResponse(machineSchema, "The new machine"), ...failures },
});

const getRoute = createRoute({
  operationId: "getMachine",
  method: "get",
  path: "/machines/{machine}",
  tags: ["machines"],
  summary: "Show a machine",
  request: { params: machineParameter },
  responses: { 200: jsonResponse(machineSchema, "The machine"), ...failures },
});

const patchRoute = createRoute({
  operationId: "changeMachine",
  method: "patch",
  path: "/machines/{machine}",
  tags: ["machines"],
  summary: "Change a machine",
  description:
    "Takes effect at the next boot. Giving a machine the MAC address of one that only registered itself takes that one out of the inventory: so a replaced computer gets its old disk.",
  request: { params: machineParameter, body: jsonBody(patchMachineSchema) },
  responses: { 200: jsonResponse(machineSchema, "The changed machine"), ...failures },
});

const deleteRoute = createRoute({
  operationId: "removeMachine",
  method: "delete",
  path: "/machines/{machine}",
  tags: ["machines"],
  summary: "Take a machine out of the inventory, its disk's changes with it",
  request: { params: machineParameter, query: forceQuerySchema },
  responses: { 204: { description: "It is gone" }, ...failures },
});

/** Routes of `/machines`. */
export function machineRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor, group } = context.req.valid("query");
    const found = await control.machines.list({ limit: limit + 1, after: cursor, group });
    return context.json(
      pageOf(found, limit, await control.machines.count(group), (machine) => machine.name),
      200,
    );
  });
  routes.openapi(addRoute, async (context) =>
    context.json(await control.machines.create(context.req.valid("json")), 201),
  );
  routes.openapi(getRoute, async (context) =>
    context.json(await control.machines.get(context.req.valid("param").machine), 200),
  );
  routes.openapi(patchRoute, async (context) =>
    context.json(await control.machines.patch(context.req.valid("param").machine, context.req.valid("json")), 200),
  );
  routes.openapi(deleteRoute, async (context) => {
    const { row } = await control.machines.record(context.req.valid("param").machine);
    await control.disks.removeMachine(row.id, context.req.valid("query"));
    await control.tasks.machineRemoved(row.id);
    return context.body(null, 204);
  });
  return routes;
}
