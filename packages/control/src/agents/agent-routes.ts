import {
  AGENT_STATES,
  agentPageSchema,
  agentSchema,
  agentTokenPageSchema,
  agentTokenSchema,
  approveAgentSchema,
  createAgentTokenSchema,
  pageQueryShape,
} from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "../control.ts";
import type { OpenDisk } from "../disk-keeper.ts";
import { failures, jsonBody, jsonResponse, newRoutes, pageOf, pageQuerySchema } from "../route-parts.ts";

const idParameter = z.object({ id: z.string().max(64) });

const listRoute = createRoute({
  operationId: "listAgents",
  method: "get",
  path: "/agents",
  tags: ["agents"],
  summary: "List agents by id",
  request: {
    query: z.object({
      ...pageQueryShape,
      state: z.enum(AGENT_STATES).optional().meta({ description: "Only agents in this state" }),
    }),
  },
  responses: { 200: jsonResponse(agentPageSchema, "One page of agents"), ...failures },
});

const approveRoute = createRoute({
  operationId: "approveAgent",
  method: "post",
  path: "/agents/approve",
  tags: ["agents"],
  summary: "Let an agent in that waits, or one of two that say that they are the same machine",
  request: { body: jsonBody(approveAgentSchema) },
  responses: { 200: jsonResponse(agentSchema, "The agent"), ...failures },
});

const revokeRoute = createRoute({
  operationId: "revokeAgent",
  method: "post",
  path: "/agents/{id}/revoke",
  tags: ["agents"],
  summary: "Turn an agent away",
  request: { params: idParameter },
  responses: { 200: jsonResponse(agentSchema, "The agent"), ...failures },
});

const listTokensRoute = createRoute({
  operationId: "listAgentTokens",
  method: "get",
  path: "/agent-tokens",
  tags: ["agents"],
  summary: "List one-time tokens by id; the tokens themselves are kept nowhere",
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(agentTokenPageSchema, "One page of tokens"), ...failures },
});

const createTokenRoute = createRoute({
  operationId: "createAgentToken",
  method: "post",
  path: "/agent-tokens",
  tags: ["agents"],
  summary: "Make a one-time token with which one agent is let in",
  request: { body: jsonBody(createAgentTokenSchema) },
  responses: { 201: jsonResponse(agentTokenSchema, "The token; it is shown here and never again"), ...failures },
});

const removeTokenRoute = createRoute({
  operationId: "removeAgentToken",
  method: "delete",
  path: "/agent-tokens/{id}",
  tags: ["agents"],
  summary: "Take a token away",
  request: { params: idParameter },
  responses: { 204: { description: "It is gone" }, ...failures },
});

/** Routes of `/agents` and `/agent-tokens`. */
export function agentRoutes<Device extends OpenDisk>(control: Control<Device>): OpenAPIHono {
  const { agents, enrolment, tokens, events } = control;
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor, state } = context.req.valid("query");
    const { found, total } = await agents.list({ limit: limit + 1, after: cursor, state });
    return context.json(
      pageOf(found, limit, total, (agent) => agent.id),
      200,
    );
  });
  routes.openapi(approveRoute, async (context) =>
    context.json(await enrolment.approve(context.req.valid("json").who), 200),
  );
  routes.openapi(revokeRoute, async (context) =>
    context.json(await enrolment.revoke(context.req.valid("param").id), 200),
  );
  routes.openapi(listTokensRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await tokens.list({ limit: limit + 1, after: cursor });
    return context.json(
      pageOf(found, limit, await tokens.count(), (token) => token.id),
      200,
    );
  });
  routes.openapi(createTokenRoute, async (context) => {
    const token = await tokens.create(context.req.valid("json"));
    await events.record({
      kind: "token.created",
      message: `a one-time token for agents was made, good until ${token.expiresAt}`,
      data: { token: token.id },
    });
    return context.json(token, 201);
  });
  routes.openapi(removeTokenRoute, async (context) => {
    await tokens.remove(context.req.valid("param").id);
    return context.body(null, 204);
  });
  return routes;
}
