import {
  AGENT_BASE_PATH,
  enrolRequestSchema,
  HEARTBEAT_SECONDS,
  heartbeatRequestSchema,
  type HeartbeatAnswer,
  multicastJoinSchema,
  seedHeartbeatSchema,
  SPARSE_MEDIA_TYPE,
  swarmJoinSchema,
  swarmReportSchema,
  taskReportSchema,
  UPLOAD_ANSWER_MEDIA_TYPE,
} from "@ingot/api";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { z } from "@hono/zod-openapi";
import { reported, reportError } from "../api-errors.ts";
import { timeText } from "../clock.ts";
import type { Control } from "../control.ts";
import type { OpenDisk } from "../disk-keeper.ts";
import { ControlError } from "../errors.ts";
import { receiveImage } from "../image-upload.ts";
import { MAX_AGENT_BODY_BYTES } from "../limits.ts";
import type { AgentRecord } from "./agent-store.ts";
import type { SwarmDoor, SwarmMember } from "./swarm-door.ts";

/** What the server knows of a request besides its text; the second argument of the app's `fetch`. */
export interface AgentBindings {
  /** SHA-256 of the public key that the connection's certificate holds, 64 hexadecimal digits; absent where it showed none. */
  readonly fingerprint?: string | undefined;
  readonly peerAddress?: string | undefined;
}

/** What {@link createAgentApp} needs besides the control plane. */
export interface AgentAppOptions {
  /** The Ed25519 key that signs manifests and tickets: 64 hexadecimal digits. */
  readonly signingKey: string;
  readonly swarms: SwarmDoor;
}

type Env = { Bindings: AgentBindings; Variables: { agent: AgentRecord } };
type AgentContext = Context<Env>;

/** While so few machines are there, one that waits asks often: nobody likes to wait ten seconds for nothing. */
const fewAgents = 200;
const shortIntervalSeconds = 3;

const capturePath = new RegExp(`^${AGENT_BASE_PATH}/captures/[^/]+$`);

/**
 * What agents ask: a function from request to response. The caller puts TLS around it, and says which key the connection has
 * proved. Nobody gets anything but `enrol` who is not enrolled; what an agent may do concerns its own machine only.
 */
export function createAgentApp<Device extends OpenDisk>(control: Control<Device>, options: AgentAppOptions): Hono<Env> {
  const app = new Hono<Env>().basePath(AGENT_BASE_PATH);
  app.onError((error, context) => {
    const report = reportError(error);
    if (report.unexpected) control.onError(error);
    return context.json({ error: report.error }, report.status);
  });
  app.notFound((context) => {
    const { status, error } = reported("notFound", `${context.req.method} ${context.req.path}: there is nothing here`);
    return context.json({ error }, status);
  });
  const limited = bodyLimit({
    maxSize: MAX_AGENT_BODY_BYTES,
    onError: (context) => {
      const { status, error } = reported("tooLarge", `request body: more than ${MAX_AGENT_BODY_BYTES} bytes`);
      return context.json({ error }, status);
    },
  });
  // A capture is as long as its disk; it is read record by record.
  app.use((context, next) => (capturePath.test(context.req.path) ? next() : limited(context, next)));

  app.post("/enrol", async (context) => {
    const { fingerprint = "", peerAddress } = bindingsOf(context);
    const request = await bodyOf(context, enrolRequestSchema);
    return context.json(
      await control.enrolment.enrol({ fingerprint, address: peerAddress }, request, options.signingKey),
    );
  });
  // Everything below is for those that were let in.
  app.use(async (context, next) => {
    const { fingerprint = "", peerAddress } = bindingsOf(context);
    context.set("agent", control.agents.admit({ fingerprint, address: peerAddress }));
    await next();
  });
  app.post("/heartbeat", async (context) => context.json(await heartbeat(control, context)));
  app.post("/tasks/:id/report", async (context) => {
    const report = await bodyOf(context, taskReportSchema);
    const presence = control.agents.presenceOf(context.get("agent"));
    return context.json(await control.tasks.report(machineOf(context), presence, context.req.param("id"), report));
  });
  app.get("/images/:reference", async (context) =>
    context.json(await control.agentImages.get(context.req.param("reference"))),
  );
  app.get("/manifests/:id", async (context) => {
    const bytes = await control.agentImages.manifest(context.req.param("id"));
    return context.body(new Uint8Array(bytes), 200, { "content-type": "application/octet-stream" });
  });
  swarmRoutes(app, control, options.swarms);
  app.post("/captures/:id", (context) => capture(control, context));
  return app;
}

function swarmRoutes<Device extends OpenDisk>(app: Hono<Env>, control: Control<Device>, swarms: SwarmDoor): void {
  const manifestOf = async (context: AgentContext): Promise<string> => {
    const id = context.req.param("manifest") ?? "";
    await control.agentImages.require(id);
    return id;
  };
  const memberOf = async (context: AgentContext): Promise<SwarmMember> => {
    const agent = context.get("agent");
    const place = await control.agents.placeOf(agent);
    return { fingerprint: agent.fingerprint, address: bindingsOf(context).peerAddress ?? "", ...place };
  };
  app.post("/seed", async (context) => {
    const request = await bodyOf(context, seedHeartbeatSchema);
    return context.json(await swarms.seed(await memberOf(context), request));
  });
  app.post("/swarms/:manifest/join", async (context) => {
    const request = await bodyOf(context, swarmJoinSchema);
    return context.json(await swarms.join(await manifestOf(context), await memberOf(context), request));
  });
  app.post("/swarms/:manifest/report", async (context) => {
    const request = await bodyOf(context, swarmReportSchema);
    return context.json(await swarms.report(await manifestOf(context), await memberOf(context), request));
  });
  app.post("/swarms/:manifest/leave", async (context) => {
    await swarms.leave(await manifestOf(context), context.get("agent").fingerprint);
    return context.json({});
  });
  app.post("/swarms/:manifest/multicast", async (context) => {
    const request = await bodyOf(context, multicastJoinSchema);
    const member = await memberOf(context);
    return context.json(await swarms.multicast(await manifestOf(context), member, request, context.req.raw.signal));
  });
}

async function heartbeat<Device extends OpenDisk>(
  control: Control<Device>,
  context: AgentContext,
): Promise<HeartbeatAnswer> {
  const said = await bodyOf(context, heartbeatRequestSchema);
  const agent = context.get("agent");
  if (said.inventory !== undefined) await control.agents.learn(agent, said.inventory);
  const serverTime = timeText(control.clock.now());
  if (said.state === "leaving") control.agents.left(agent);
  if (agent.machine === undefined) return { serverTime, intervalSeconds: HEARTBEAT_SECONDS };
  const instruction = await control.tasks.heartbeat(agent.machine, said, control.agents.presenceOf(agent));
  const waits = said.state === "idle" && instruction.task === undefined;
  const isShort = waits && control.jobs.presentCount < fewAgents;
  return { serverTime, intervalSeconds: isShort ? shortIntervalSeconds : HEARTBEAT_SECONDS, ...instruction };
}

/** A machine's disk comes in as a new version; then its task is done. */
async function capture<Device extends OpenDisk>(control: Control<Device>, context: AgentContext): Promise<Response> {
  const taskId = context.req.param("id") ?? "";
  const { image: name, comment } = control.tasks.captureOf(machineOf(context), taskId);
  const { body } = context.req.raw;
  const mediaType = context.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (mediaType !== SPARSE_MEDIA_TYPE || body === null) {
    const { status, error } = reported("unsupportedMediaType", `capture: expected a body of ${SPARSE_MEDIA_TYPE}`);
    return context.json({ error }, status);
  }
  const { images, clock, onError } = control;
  const onAdded = ({ version, manifestId }: { readonly version: number; readonly manifestId: string }): Promise<void> =>
    control.tasks.captured(taskId, { name, version, manifestId });
  const answer = await receiveImage({ images, clock, onError, name, body, comment, onAdded });
  return new Response(answer, { headers: { "content-type": UPLOAD_ANSWER_MEDIA_TYPE, "cache-control": "no-store" } });
}

/** The machine that the agent stands for. @throws ControlError `forbidden` for peers. */
function machineOf(context: AgentContext): string {
  const { machine } = context.get("agent");
  if (machine === undefined) throw new ControlError("forbidden", "this agent stands for no machine and has no tasks");
  return machine;
}

function bindingsOf(context: AgentContext): AgentBindings {
  const { fingerprint, peerAddress } = (context.env as AgentBindings | undefined) ?? {};
  return { fingerprint, peerAddress: peerAddress?.replace(/^::ffff:/i, "") };
}

/** The request's body, as its schema has it. @throws ControlError `invalidRequest`. */
async function bodyOf<Body>(context: AgentContext, schema: z.ZodType<Body>): Promise<Body> {
  let value: unknown;
  try {
    value = JSON.parse(await context.req.text());
  } catch (cause) {
    throw new ControlError("invalidRequest", "body: expected JSON", { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ControlError("invalidRequest", `body ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
}
