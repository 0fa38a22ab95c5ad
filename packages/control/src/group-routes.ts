import { groupPageSchema, groupSchema, nameSchema, putGroupSchema } from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "./control.ts";
import type { OpenDisk } from "./disk-keeper.ts";
import { failures, jsonBody, jsonResponse, newRoutes, pageOf, pageQuerySchema } from "./route-parts.ts";

const groupParameter = z.object({ name: nameSchema });

const listRoute = createRoute({
  operationId: "listGroups",
  method: "get",
  path: "/groups",
  tags: ["groups"],
  summary: "List groups by name",
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(groupPageSchema, "One page of groups"), ...failures },
});

const getRoute = createRoute({
  operationId: "getGroup",
  method: "get",
  path: "/groups/{name}",
  tags: ["groups"],
  summary: "Show a group",
  request: { params: groupParameter },
  responses: { 200: jsonResponse(groupSchema, "The group"), ...failures },
});

const putRoute = createRoute({
  operationId: "putGroup",
  method: "put",
  path: "/groups/{name}",
  tags: ["groups"],
  summary: "Make a group, or change it to exactly this",
  request: { params: groupParameter, body: jsonBody(putGroupSchema) },
  responses: { 200: jsonResponse(groupSchema, "The group as it is now"), ...failures },
});

const deleteRoute = createRoute({
  operationId: "removeGroup",
  method: "delete",
  path: "/groups/{name}",
  tags: ["groups"],
  summary: "Remove a group that has no machines",
  request: { params: groupParameter },
  responses: { 204: { description: "It is gone" }, ...failures },
});

/** Routes of `/groups`. */
export function groupRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await control.groups.list({ limit: limit + 1, after: cursor });
    return context.json(
      pageOf(found, limit, await control.groups.count(), (group) => group.name),
      200,
    );
  });
  routes.openapi(getRoute, async (context) =>
    context.json(await control.groups.get(context.req.valid("param").name), 200),
  );
  routes.openapi(putRoute, async (context) => {
    const { name } = context.req.valid("param");
    const group = await control.groups.put(name, context.req.valid("json"));
    await control.refreshMachines(await control.groups.memberIds(name));
    return context.json(group, 200);
  });
  routes.openapi(deleteRoute, async (context) => {
    await control.groups.remove(context.req.valid("param").name);
    return context.body(null, 204);
  });
  return routes;
}
