import type { ApiErrorCode, Job, LiveMessage, PatchMachine } from "@ingot/api";
import { API_ERROR_STATUS, patchMachineSchema } from "@ingot/api";
import type { FakeFleet } from "./fake-fleet.ts";

/** A request that the console made. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/**
 * A server of the API in memory: a request in, a response out. It does what the contract says and no more; the test plays the
 * machines by `emit`.
 */
export class FakeIngot {
  readonly fleet: FakeFleet;
  readonly seen: SeenRequest[] = [];
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
  readonly #refusals = new Map<
    string,
    { readonly code: ApiErrorCode; readonly message: string; readonly details: Record<string, unknown> }
  >();

  constructor(fleet: FakeFleet) {
    this.fleet = fleet;
  }

  /** Sends one message to every open stream, and remembers what it says. */
  emit(message: LiveMessage): void {
    if (message.type === "machine") this.fleet.machines.set(message.machine.id, message.machine);
    if (message.type === "disk") this.fleet.disks.set(message.disk.machine, message.disk);
    if (message.type === "sessions") {
      for (const id of message.ended) this.fleet.sessions.delete(id);
      for (const session of message.sessions) this.fleet.sessions.set(session.id, session);
    }
    if (message.type === "job") this.fleet.jobs.set(message.job.id, message.job);
    if (message.type === "task") this.fleet.tasks.set(message.task.id, message.task);
    if (message.type === "event") this.fleet.events.push(message.event);
    if (message.type === "status") this.fleet.status = message.status;
    const bytes = encodeServerSentEvent(message);
    for (const stream of this.#streams) stream.enqueue(bytes);
  }

  /** Ends every open stream, as a server does that is stopped. */
  dropStreams(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  /** Makes the next `METHOD path` fail. */
  refuse(request: string, code: ApiErrorCode, message: string, details: Record<string, unknown> = {}): void {
    this.#refusals.set(request, { code, message, details });
  }

  /** Answers one request. */
  async respond(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const path = decodeURIComponent(url.pathname.slice("/api/v1".length));
    const text = await request.text();
    const body: unknown = text === "" ? undefined : JSON.parse(text);
    if (request.method !== "GET") this.seen.push({ method: request.method, path, body });
    const refusal = this.#refusals.get(`${request.method} ${path}`);
    if (refusal !== undefined) {
      this.#refusals.delete(`${request.method} ${path}`);
      return Response.json({ error: refusal }, { status: API_ERROR_STATUS[refusal.code] });
    }
    if (path === "/events/stream") return this.#openStream();
    if (request.method === "GET") return this.#read(path, url.searchParams);
    return this.#act(request.method, path, body);
  }

  #read(path: string, query: URLSearchParams): Response {
    const { machines, groups, images, disks, sessions, jobs, tasks, events, status } = this.fleet;
    switch (path) {
      case "/status":
        return Response.json(status);
      case "/machines":
        return page([...machines.values()], query);
      case "/groups":
        return page([...groups.values()], query);
      case "/images":
        return page([...images.values()], query);
      case "/disks":
        return page([...disks.values()], query);
      case "/sessions":
        return page([...sessions.values()], query);
      case "/jobs":
        return page([...jobs.values()], query);
      case "/events":
        return page(
          events.filter((event) => event.id > Number(query.get("after") ?? 0)),
          query,
        );
      default: {
        const [, jobId] = /^\/jobs\/([^/]+)\/tasks$/.exec(path) ?? [];
        if (jobId !== undefined)
          return page(
            [...tasks.values()].filter((task) => task.jobId === jobId),
            query,
          );
        const disk = disks.get(path.slice("/disks/".length));
        return disk === undefined ? notFound(path) : Response.json(disk);
      }
    }
  }

  #act(method: string, path: string, body: unknown): Response {
    const [, what = "", id = "", verb] = path.split("/");
    const machine = this.fleet.machines.get(id);
    if (method === "PATCH" && machine !== undefined) {
      const patch: PatchMachine = patchMachineSchema.parse(body);
      const changed = {
        ...machine,
        ...(patch.mode && {
          mode: patch.mode,
          modeFrom: "machine" as const,
          own: { ...machine.own, mode: patch.mode },
        }),
      };
      this.emit({ type: "machine", machine: changed });
      return Response.json(changed);
    }
    if (method === "DELETE" && what === "machines" && machine !== undefined) {
      this.fleet.machines.delete(id);
      this.emit({ type: "removed", what: "machine", id });
      return new Response(null, { status: 204 });
    }
    const disk = this.fleet.disks.get(id);
    if (method === "POST" && what === "disks" && verb === "reset" && disk !== undefined) {
      const clean = { ...disk, overlayBytes: 0, history: [] };
      this.emit({ type: "disk", disk: clean });
      return Response.json(clean);
    }
    if (method === "POST" && what === "images" && verb === "verify") {
      const [name = "", version] = id.split(":");
      return Response.json({
        name,
        version: Number(version),
        chunkCount: 6_185,
        checkedBytes: 1_621_350_154,
        damage: [],
      });
    }
    const job = this.fleet.jobs.get(id);
    if (method === "POST" && job !== undefined && (verb === "pause" || verb === "cancel")) {
      const changed: Job = { ...job, state: verb === "pause" ? "paused" : "cancelled", reason: "by an operator" };
      this.emit({ type: "job", job: changed });
      return Response.json(changed);
    }
    if (method === "DELETE" && what === "images") return new Response(null, { status: 204 });
    return notFound(path);
  }

  #openStream(): Response {
    let own: ReadableStreamDefaultController<Uint8Array> | undefined;
    const { fleet } = this;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        own = controller;
        this.#streams.add(controller);
        const lastEventId = fleet.events.at(-1)?.id ?? 0;
        controller.enqueue(
          encodeServerSentEvent({
            type: "hello",
            version: fleet.status.version,
            at: new Date().toISOString(),
            lastEventId,
          }),
        );
      },
      cancel: () => {
        if (own !== undefined) this.#streams.delete(own);
      },
    });
    return new Response(stream, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
  }
}

function encodeServerSentEvent(message: LiveMessage): Uint8Array {
  const id = message.type === "event" ? `id: ${message.event.id}\n` : "";
  return new TextEncoder().encode(`event: ${message.type}\n${id}data: ${JSON.stringify(message)}\n\n`);
}

function page(items: readonly unknown[], query: URLSearchParams): Response {
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("cursor") ?? 0);
  const next = from + limit;
  return Response.json({
    items: items.slice(from, next),
    total: items.length,
    ...(next < items.length && { nextCursor: String(next) }),
  });
}

function notFound(path: string): Response {
  return Response.json({ error: { code: "notFound", message: `there is nothing at ${path}` } }, { status: 404 });
}
