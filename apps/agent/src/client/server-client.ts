import type {
  AgentImage,
  EnrolAnswer,
  EnrolRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  MulticastAnswer,
  MulticastJoin,
  SeedAnswer,
  SeedHeartbeat,
  TaskReport,
  TaskReportAnswer,
} from "@ingot/api";
import type { Identity, JoinAnswer, JoinRequest, ReportAnswer, ReportRequest, TrackerClient } from "@ingot/swarm";
import { AgentError } from "../errors.ts";
import { MAX_MANIFEST_BYTES } from "../limits.ts";
import {
  type Parse,
  parseEnrolAnswer,
  parseImage,
  parseJoinAnswer,
  parseMulticastAnswer,
  parseReportAnswer,
} from "./answers.ts";
import { type HttpAnswer, type HttpRequest, sendRequest } from "./http.ts";
import { PinnedAgent } from "./pinned-tls.ts";

/** Where the server is, and who it has to be. */
export interface ServerAddress {
  /** `https://HOST:8472`. */
  readonly url: string;
  /** SHA-256 of its public key, 64 lower-case hex digits. */
  readonly pin: string;
}

/** Under which path agents ask: `AGENT_BASE_PATH` of the API. */
export const BASE_PATH: string = "/agent/v1/";

/** Until a multicast session has gathered its receivers, the server says nothing. */
const MULTICAST_WAIT_MS = 120_000;

/**
 * The server's door for agents. Each call makes one request and fails with `AgentError`: `server-unreachable` where
 * trying again can help, `wrong-server`, `refused`, `not-found`, `bad-answer`.
 */
export class ServerClient {
  readonly address: ServerAddress;
  readonly #base: URL;
  readonly #agent: PinnedAgent;

  constructor(address: ServerAddress, identity: Identity) {
    this.address = address;
    this.#base = baseOf(address.url);
    this.#agent = new PinnedAgent(address.pin, identity);
  }

  /** This machine's address on the way to the server, once something was asked. */
  get localAddress(): string | undefined {
    return this.#agent.localAddress;
  }

  enrol(request: EnrolRequest, signal?: AbortSignal): Promise<EnrolAnswer> {
    return this.#post("enrol", request, parseEnrolAnswer, signal);
  }

  async heartbeat(request: HeartbeatRequest, signal?: AbortSignal): Promise<HeartbeatAnswer> {
    const { heartbeatAnswerSchema } = await import("@ingot/api");
    return this.#post("heartbeat", request, (value) => heartbeatAnswerSchema.parse(value), signal);
  }

  async report(taskId: string, report: TaskReport, signal?: AbortSignal): Promise<TaskReportAnswer> {
    const { taskReportAnswerSchema } = await import("@ingot/api");
    const path = `tasks/${encodeURIComponent(taskId)}/report`;
    return this.#post(path, report, (value) => taskReportAnswerSchema.parse(value), signal);
  }

  /** `reference`: `NAME`, `NAME:VERSION` or `NAME:TAG`. */
  async image(reference: string, signal?: AbortSignal): Promise<AgentImage> {
    const answer = await this.#send({ method: "GET", path: `images/${encodeURIComponent(reference)}`, signal });
    return parseJson(answer.body, parseImage);
  }

  /** The manifest's bytes as the server sent them; whoever asked checks their digest. */
  async manifest(manifestId: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const path = `manifests/${encodeURIComponent(manifestId)}`;
    const { body } = await this.#send({ method: "GET", path, maxAnswerBytes: MAX_MANIFEST_BYTES, signal });
    return new Uint8Array(body);
  }

  /** The way to the tracker of one image's swarm. */
  tracker(manifestId: string): TrackerClient {
    const path = `swarms/${encodeURIComponent(manifestId)}`;
    return {
      join: (request: JoinRequest, signal?: AbortSignal): Promise<JoinAnswer> =>
        this.#post(`${path}/join`, request, parseJoinAnswer, signal),
      report: (request: ReportRequest, signal?: AbortSignal): Promise<ReportAnswer> =>
        this.#post(`${path}/report`, request, parseReportAnswer, signal),
      leave: async (signal?: AbortSignal): Promise<void> => {
        await this.#send({ method: "POST", path: `${path}/leave`, body: "{}", signal });
      },
    };
  }

  /** Says that this machine lends space and uplink; answers what it is to hold. */
  async seed(request: SeedHeartbeat, signal?: AbortSignal): Promise<SeedAnswer> {
    const { seedAnswerSchema } = await import("@ingot/api");
    return this.#post("seed", request, (value) => seedAnswerSchema.parse(value), signal);
  }

  /** Says that this receiver is ready for a multicast; resolves when a session begins, or will not. */
  multicast(manifestId: string, request: MulticastJoin, signal?: AbortSignal): Promise<MulticastAnswer> {
    const path = `swarms/${encodeURIComponent(manifestId)}/multicast`;
    return this.#post(path, request, parseMulticastAnswer, signal, MULTICAST_WAIT_MS);
  }

  /** Sends a captured disk in the sparse upload format. Answered when the server has made a version of it, so a pause is no failure. */
  async capture(taskId: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    await this.#send({
      method: "POST",
      path: `captures/${encodeURIComponent(taskId)}`,
      body,
      contentType: "application/vnd.ingot.sparse",
      timeoutMs: Number.POSITIVE_INFINITY,
      signal,
    });
  }

  /** Ends its connections. */
  close(): void {
    this.#agent.destroy();
  }

  async #post<T>(path: string, body: unknown, parse: Parse<T>, signal?: AbortSignal, timeoutMs?: number): Promise<T> {
    const answer = await this.#send({ method: "POST", path, body: JSON.stringify(body), signal, timeoutMs });
    return parseJson(answer.body, parse);
  }

  async #send(request: Omit<HttpRequest, "url"> & { readonly path: string }): Promise<HttpAnswer> {
    const { path, ...options } = request;
    const answer = await sendRequest(this.#agent, { ...options, url: new URL(path, this.#base) });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw failureOf(answer, path);
  }
}

function baseOf(text: string): URL {
  const url = URL.parse(text.includes("://") ? text : `https://${text}`);
  if (url === null || url.protocol !== "https:")
    throw new AgentError("usage", `server ${text}: expected https://HOST:PORT`);
  return new URL(BASE_PATH, url);
}

/** Busy and broken servers are asked again; a refusal is one. */
function failureOf(answer: HttpAnswer, path: string): AgentError {
  const message = `${path}: ${messageIn(answer.body) ?? `status ${answer.status}`}`;
  if (answer.status === 404) return new AgentError("not-found", message);
  if (answer.status === 429 || answer.status >= 500) {
    const retryAfterMs = answer.retryAfterSeconds === undefined ? undefined : answer.retryAfterSeconds * 1000;
    return new AgentError("server-unreachable", message, { retryAfterMs });
  }
  return new AgentError("refused", message);
}

function messageIn(body: Buffer): string | undefined {
  try {
    const value = JSON.parse(body.toString()) as { error?: { message?: unknown } } | null;
    return typeof value?.error?.message === "string" ? value.error.message.slice(0, 500) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseJson<T>(body: Buffer, parse: Parse<T>): T {
  try {
    return parse(JSON.parse(body.toString()));
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError("bad-answer", "the server's answer is not what it should be", { cause: error });
  }
}
