import type {
  Disk,
  Group,
  Image,
  ImageVerification,
  IngotEvent,
  Job,
  Machine,
  Page,
  PatchMachine,
  Session,
  Status,
  Task,
} from "@ingot/api";
import { ApiFailure, readFailure } from "./api-failure.ts";

/** What an operator does to a job. */
export type JobAction = "pause" | "resume" | "cancel" | "retry";

/** What the console asks of the server. Every call throws {@link ApiFailure}. */
export interface ApiClient {
  status(): Promise<Status>;
  machines(): Promise<Machine[]>;
  groups(): Promise<Group[]>;
  images(): Promise<Image[]>;
  disks(): Promise<Disk[]>;
  disk(machineId: string): Promise<Disk>;
  sessions(): Promise<Session[]>;
  jobs(): Promise<Job[]>;
  /** Empty for a job that is gone. */
  tasks(jobId: string): Promise<Task[]>;
  actOnJob(jobId: string, action: JobAction): Promise<void>;
  /** One page of the history, oldest first: what came after the event `afterId`. */
  events(query: {
    readonly afterId: number;
    readonly limit: number;
    readonly machineId?: string;
  }): Promise<readonly IngotEvent[]>;
  patchMachine(machineId: string, patch: PatchMachine): Promise<Machine>;
  removeMachine(machineId: string): Promise<void>;
  resetDisk(machineId: string): Promise<void>;
  verifyImage(reference: string): Promise<ImageVerification>;
  /** `reference` is `NAME:VERSION`, or `NAME` for the image with all its versions. */
  removeImage(reference: string): Promise<void>;
}

const PAGE_SIZE = 1000;
/** Disks carry their growth curve: smaller pages, so that no answer holds the server up. */
const DISK_PAGE_SIZE = 250;

/** An {@link ApiClient} over `send`, which is the browser's `fetch`. */
export function createApiClient(send: (path: string, init?: RequestInit) => Promise<Response>): ApiClient {
  async function request(path: string, init?: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await send(`/api/v1${path}`, init);
    } catch (cause) {
      throw new ApiFailure("unreachable", "The server did not answer. Is `ingot serve` running?", {}, cause);
    }
    if (!response.ok) throw await readFailure(response);
    return response;
  }

  async function read<Answer>(path: string, init?: RequestInit): Promise<Answer> {
    const response = await request(path, init);
    return (await response.json()) as Answer;
  }

  async function all<Item>(path: string, limit: number): Promise<Item[]> {
    const items: Item[] = [];
    let cursor: string | undefined;
    do {
      const query = new URLSearchParams({ limit: String(limit), ...(cursor !== undefined && { cursor }) });
      // Each page needs the cursor of the one before.
      // oxlint-disable-next-line no-await-in-loop
      const page: Page<Item> = await read(`${path}?${query}`);
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  }

  return {
    status: () => read("/status"),
    machines: () => all("/machines", PAGE_SIZE),
    groups: () => all("/groups", PAGE_SIZE),
    images: () => all("/images", PAGE_SIZE),
    disks: () => all("/disks", DISK_PAGE_SIZE),
    sessions: () => all("/sessions", PAGE_SIZE),
    jobs: () => all("/jobs", PAGE_SIZE),
    async tasks(jobId) {
      try {
        return await all<Task>(`/jobs/${encodeURIComponent(jobId)}/tasks`, PAGE_SIZE);
      } catch (error) {
        if (error instanceof ApiFailure && error.code === "notFound") return [];
        throw error;
      }
    },
    async actOnJob(jobId, action) {
      await request(`/jobs/${encodeURIComponent(jobId)}/${action}`, { method: "POST" });
    },
    disk: (machineId) => read(`/disks/${encodeURIComponent(machineId)}`),
    async events({ afterId, limit, machineId }) {
      const query = new URLSearchParams({ after: String(afterId), limit: String(limit) });
      if (machineId !== undefined) query.set("machine", machineId);
      const page: Page<IngotEvent> = await read(`/events?${query}`);
      return page.items;
    },
    patchMachine: (machineId, patch) =>
      read(`/machines/${encodeURIComponent(machineId)}`, {
        method: "PATCH",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(patch),
      }),
    async removeMachine(machineId) {
      await request(`/machines/${encodeURIComponent(machineId)}`, { method: "DELETE" });
    },
    async resetDisk(machineId) {
      await request(`/disks/${encodeURIComponent(machineId)}/reset`, { method: "POST" });
    },
    verifyImage: (reference) => read(`/images/${encodeURIComponent(reference)}/verify`, { method: "POST" }),
    async removeImage(reference) {
      await request(`/images/${encodeURIComponent(reference)}`, { method: "DELETE" });
    },
  };
}
