import { createJobSchema, jobPageSchema, jobSchema, jobSeedsSchema, pageQueryShape, taskPageSchema } from "@ingot/api";
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Control } from "../control.ts";
import type { OpenDisk } from "../disk-keeper.ts";
import {
  failures,
  jsonBody,
  jsonResponse,
  newRoutes,
  pageOf,
  pageQuerySchema,
  parseNumberCursor,
} from "../route-parts.ts";

const jobParameter = z.object({
  job: z.string().max(20).meta({ description: "The job's number", example: "7" }),
});

const listRoute = createRoute({
  operationId: "listJobs",
  method: "get",
  path: "/jobs",
  tags: ["jobs"],
  summary: "List jobs, newest first",
  request: { query: pageQuerySchema },
  responses: { 200: jsonResponse(jobPageSchema, "One page of jobs"), ...failures },
});

const createJobRoute = createRoute({
  operationId: "createJob",
  method: "post",
  path: "/jobs",
  tags: ["jobs"],
  summary: "Deploy to, capture, verify or wipe machines",
  description:
    "Which machines and which version are meant is decided now. A machine begins when it starts from the network; after a disk was filled it boots from that disk once, whatever its plan is.",
  request: { body: jsonBody(createJobSchema) },
  responses: { 201: jsonResponse(jobSchema, "The new job"), ...failures },
});

const getRoute = createRoute({
  operationId: "getJob",
  method: "get",
  path: "/jobs/{job}",
  tags: ["jobs"],
  summary: "Show a job",
  request: { params: jobParameter },
  responses: { 200: jsonResponse(jobSchema, "The job"), ...failures },
});

const tasksRoute = createRoute({
  operationId: "listTasks",
  method: "get",
  path: "/jobs/{job}/tasks",
  tags: ["jobs"],
  summary: "List a job's tasks, one for each machine, in the order in which they begin",
  request: { params: jobParameter, query: z.object(pageQueryShape) },
  responses: { 200: jsonResponse(taskPageSchema, "One page of tasks"), ...failures },
});

const seedsRoute = createRoute({
  operationId: "listJobSeeds",
  method: "get",
  path: "/jobs/{job}/seeds",
  tags: ["jobs"],
  summary:
    "Who gives what a job deploys: the server, those that have it all, those that hold a part for it, and what was measured of them",
  request: { params: jobParameter },
  responses: { 200: jsonResponse(jobSeedsSchema, "The seeds"), ...failures },
});

const logRoute = createRoute({
  operationId: "getJobLog",
  method: "get",
  path: "/jobs/{job}/log.csv",
  tags: ["jobs"],
  summary: "The log of a job: time, machine, state, bytes, rate, where they came from, hashes verified, retries, error",
  description: "A line for each change of a task's state, and every ten seconds between. Amounts are totals so far.",
  request: { params: jobParameter },
  responses: {
    200: { description: "Lines as RFC 4180 has them", content: { "text/csv": { schema: z.string() } } },
    ...failures,
  },
});

function actionRoute<Action extends string>(action: Action, summary: string) {
  return createRoute({
    operationId: `${action}Job`,
    method: "post",
    path: `/jobs/{job}/${action}`,
    tags: ["jobs"],
    summary,
    request: { params: jobParameter },
    responses: { 200: jsonResponse(jobSchema, "The job as it is now"), ...failures },
  });
}

const pauseRoute = actionRoute("pause", "Pause a job: nothing more is moved; what is verified stays");
const resumeRoute = actionRoute("resume", "Let a paused job go on");
const cancelRoute = actionRoute("cancel", "Cancel a job: machines that are at it stop where they are");
const retryRoute = actionRoute("retry", "Try again what failed or was cancelled; what is verified is not sent again");

/** Routes of `/jobs`. */
export function jobRoutes<Device extends OpenDisk>({ jobDesk }: Control<Device>): OpenAPIHono {
  const routes = newRoutes();
  routes.openapi(listRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const found = await jobDesk.list({ limit: limit + 1, before: parseNumberCursor(cursor) });
    return context.json(
      pageOf(found, limit, await jobDesk.count(), (job) => job.id),
      200,
    );
  });
  routes.openapi(createJobRoute, async (context) => context.json(await jobDesk.create(context.req.valid("json")), 201));
  routes.openapi(getRoute, async (context) => context.json(await jobDesk.get(context.req.valid("param").job), 200));
  routes.openapi(tasksRoute, async (context) => {
    const { limit, cursor } = context.req.valid("query");
    const { job } = context.req.valid("param");
    return context.json(await jobDesk.tasks(job, { limit, after: parseNumberCursor(cursor) }), 200);
  });
  routes.openapi(seedsRoute, async (context) =>
    context.json({ items: await jobDesk.seeds(context.req.valid("param").job) }, 200),
  );
  routes.openapi(logRoute, async (context) => {
    const { job } = context.req.valid("param");
    const disposition = `attachment; filename="ingot-job-${job.replaceAll(/\D/g, "")}.csv"`;
    return new Response(await jobDesk.log(job), {
      headers: { "content-type": "text/csv; charset=utf-8", "content-disposition": disposition },
    });
  });
  routes.openapi(pauseRoute, async (context) => context.json(await jobDesk.pause(context.req.valid("param").job), 200));
  routes.openapi(resumeRoute, async (context) =>
    context.json(await jobDesk.resume(context.req.valid("param").job), 200),
  );
  routes.openapi(cancelRoute, async (context) =>
    context.json(await jobDesk.cancel(context.req.valid("param").job), 200),
  );
  routes.openapi(retryRoute, async (context) => context.json(await jobDesk.retry(context.req.valid("param").job), 200));
  return routes;
}
