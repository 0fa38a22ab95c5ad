import type {
  EventKind,
  IngotEvent,
  Machine,
  MulticastAnswer,
  Page,
  SeedAnswer,
  SparseImage,
  SparseRange,
  SwarmJoinAnswer,
  SwarmReportAnswer,
} from "@ingot/api";
import {
  type Digest,
  encodeManifest,
  type ImageSource,
  type ImportResult,
  type Manifest,
  manifestIdOf,
  sha256,
  type VerifyReport,
} from "@ingot/chunks";
import { FakeClock } from "@ingot/testkit/link";
import { parseIpv4, parseIpv4Network } from "@ingot/wire";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import {
  type BootBindings,
  Control,
  createAgentApp,
  createApiApp,
  createBootApp,
  type Database,
  type DiskKeeper,
  type ImageLibrary,
  openSqlite,
  type OpenDisk,
  type SlotLimits,
  type SwarmDoor,
  type SwarmMember,
  type Wake,
} from "../src/index.ts";

/** 2026-11-22T08:00:00Z. */
export const START_MS = 1_795_334_400_000;

/** A library in memory: one chunk for every 64 KiB of data. */
export class MemoryLibrary implements ImageLibrary {
  readonly manifests: Map<Digest, Manifest> = new Map();
  readonly pruned: Digest[][] = [];
  damaged: Digest[] = [];
  /** Throws this at the end of the next import. */
  failure: Error | undefined;

  async importImage(source: ImageSource): Promise<ImportResult> {
    const content = new Uint8Array(source.sizeBytes);
    for await (const range of source.data) if ("bytes" in range) content.set(range.bytes, range.offset);
    if (this.failure !== undefined) {
      const { failure } = this;
      this.failure = undefined;
      throw failure;
    }
    const extents: Manifest["extents"][number][] = [];
    for (let offset = 0; offset < content.length; offset += 65_536) {
      const bytes = content.subarray(offset, offset + 65_536);
      extents.push({ kind: "chunk", offset, length: bytes.length, digest: sha256(bytes) });
    }
    const manifest: Manifest = {
      formatVersion: 1,
      sizeBytes: source.sizeBytes,
      sectorBytes: 512,
      partitions: undefined,
      extents,
    };
    const manifestId = manifestIdOf(encodeManifest(manifest));
    this.manifests.set(manifestId, manifest);
    const chunkCount = extents.length;
    return {
      manifestId,
      sizeBytes: source.sizeBytes,
      chunkCount,
      newChunkCount: chunkCount,
      newPackBytes: 1,
      dataBytes: content.length,
      zeroBytes: 0,
      dontCareBytes: 0,
    };
  }

  async readSignature(id: Digest): Promise<Uint8Array | undefined> {
    return this.manifests.has(id) ? new Uint8Array(64).fill(7) : undefined;
  }

  async readManifest(id: Digest): Promise<Manifest> {
    const manifest = this.manifests.get(id);
    if (manifest === undefined) throw new Error(`manifest ${id} is not there`);
    return manifest;
  }

  async listManifests(): Promise<readonly Digest[]> {
    return [...this.manifests.keys()];
  }

  async prune(live: Iterable<Digest>): Promise<void> {
    const kept = new Set(live);
    const gone = [...this.manifests.keys()].filter((id) => !kept.has(id));
    this.pruned.push(gone);
    for (const id of gone) this.manifests.delete(id);
  }

  async verify(): Promise<VerifyReport> {
    const affected = [...this.manifests].flatMap(([id, manifest]) => {
      const chunks = manifest.extents.flatMap((extent) =>
        extent.kind === "chunk" && this.damaged.includes(extent.digest) ? [extent.digest] : [],
      );
      return chunks.length === 0 ? [] : [{ id, chunks }];
    });
    return {
      ok: affected.length === 0,
      packCount: 1,
      checkedBytes: 1,
      damagedPacks: [],
      damagedFiles: [],
      affectedManifests: affected,
    };
  }
}

/** Overlays in memory that keep a diary. */
export class MemoryKeeper implements DiskKeeper<OpenDisk> {
  readonly diary: string[] = [];
  readonly overlays: Map<string, { manifestId: string; bytes: number }> = new Map();
  readonly #open = new Set<string>();

  async open(machineId: string, manifestId: string): Promise<OpenDisk> {
    const overlay = this.overlays.get(machineId) ?? { manifestId, bytes: 0 };
    if (overlay.manifestId !== manifestId)
      throw new Error(`overlay of ${machineId} is over ${overlay.manifestId}, asked for ${manifestId}`);
    this.overlays.set(machineId, overlay);
    this.#open.add(machineId);
    this.diary.push("open");
    return { sizeBytes: 1024 };
  }

  async release(machineId: string): Promise<void> {
    if (this.#open.delete(machineId)) this.diary.push("release");
  }

  async discard(machineId: string): Promise<void> {
    if (this.#open.has(machineId)) throw new Error(`overlay of ${machineId} is open`);
    if (this.overlays.delete(machineId)) this.diary.push("discard");
  }

  async overlayBytes(machineId: string): Promise<number> {
    return this.overlays.get(machineId)?.bytes ?? 0;
  }
}

/** Answers members of swarms, and remembers who they were. */
class SilentSwarms implements SwarmDoor {
  readonly members: SwarmMember[] = [];

  join(_manifestId: string, member: SwarmMember): SwarmJoinAnswer {
    this.members.push(member);
    return { state: "joined", ticket: "dGlja2V0", neighbours: [], reportAfterMs: 1000 };
  }

  report(): SwarmReportAnswer {
    return { state: "unknown" };
  }

  leave(): void {}

  seed(): SeedAnswer {
    return { orders: [], intervalSeconds: 3 };
  }

  multicast(): MulticastAnswer {
    return { state: "none", reason: "off" };
  }
}

/** A control plane with everything in memory, and its two apps. */
export interface Harness {
  readonly db: Database;
  readonly clock: FakeClock;
  /** Unless another one was given. */
  readonly library: MemoryLibrary;
  readonly keeper: MemoryKeeper;
  readonly control: Control<OpenDisk>;
  readonly api: OpenAPIHono;
  readonly boot: Hono<{ Bindings: BootBindings }>;
  readonly agents: ReturnType<typeof createAgentApp>;
  readonly failures: unknown[];
}

/** What of a {@link Harness} may be given instead of made. */
export type HarnessParts = Partial<Pick<Harness, "db" | "clock" | "keeper">> & {
  readonly library?: ImageLibrary;
  readonly slots?: Partial<SlotLimits>;
  readonly wake?: Wake;
};

/** Opens a control plane. Close it with `close`. */
export async function openHarness(parts: HarnessParts = {}): Promise<Harness> {
  const { db = openSqlite(":memory:"), clock = new FakeClock(START_MS), keeper = new MemoryKeeper() } = parts;
  const library = new MemoryLibrary();
  const failures: unknown[] = [];
  let seed = 0;
  const control = await Control.open({
    db,
    clock,
    library: parts.library ?? library,
    keeper,
    version: "0.1.0-test",
    random: (lengthBytes) => {
      seed += 1;
      return Uint8Array.from(
        { length: lengthBytes },
        (_value, index) => (index === lengthBytes - 1 ? seed : 17 * (seed >> 8)) & 0xff,
      );
    },
    network: {
      server: { address: parseIpv4("10.0.0.1"), httpPort: 8471 },
      disk: { address: parseIpv4("10.0.0.1"), port: 3260 },
      subnet: parseIpv4Network("10.0.0.1/24"),
      agents: { url: "https://10.0.0.1:8472", pin: "9".repeat(64) },
    },
    slots: parts.slots,
    wake: parts.wake,
    minuteOfDay: () => 12 * 60,
    facts: () =>
      Promise.resolve({
        services: [{ name: "iscsi", state: "ready", address: "10.0.0.1:3260" }],
        store: { chunkCount: 0, packBytes: 0 },
      }),
    onError: (error) => failures.push(error),
  });
  const api = createApiApp(control);
  const boot = createBootApp({ control, files: (request) => new Response(`file ${new URL(request.url).pathname}`) });
  const agents = createAgentApp(control, { signingKey: "5".repeat(64), swarms: new SilentSwarms() });
  return { db, clock, library, keeper, control, api, boot, agents, failures };
}

/** An image of `sizeBytes` that is filled with one byte. */
export function imageOf(fill: number, sizeBytes = 131_072): SparseImage {
  return { sizeBytes, data: rangesOf({ offset: 0, bytes: new Uint8Array(sizeBytes).fill(fill) }) };
}

async function* rangesOf(...ranges: readonly SparseRange[]): AsyncGenerator<SparseRange> {
  yield* ranges;
}

/** Sends JSON. */
export function sending(method: string, body?: unknown): RequestInit {
  return body === undefined
    ? { method }
    : { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

/** Status and JSON body of an answer. */
export async function answerOf<Body>(response: Response | Promise<Response>): Promise<{ status: number; body: Body }> {
  const { status } = await response;
  const text = await (await response).text();
  return { status, body: (text === "" ? undefined : JSON.parse(text)) as Body };
}

/** Asks the API in JSON. The caller says what it expects; assertions show whether it is so. */
export class ApiClient {
  readonly #api: OpenAPIHono;

  constructor(api: OpenAPIHono) {
    this.#api = api;
  }

  async get<Body>(path: string): Promise<{ status: number; body: Body }> {
    return answerOf(this.#api.request(`/api/v1${path}`));
  }

  async send<Body = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: Body }> {
    return answerOf(this.#api.request(`/api/v1${path}`, sending(method, body)));
  }

  async machine(key: string): Promise<Machine> {
    return (await this.get<Machine>(`/machines/${encodeURIComponent(key)}`)).body;
  }

  async machines(): Promise<Page<Machine>> {
    return (await this.get<Page<Machine>>("/machines")).body;
  }

  /** Events of one kind. */
  async events(kind: EventKind): Promise<IngotEvent[]> {
    const { body } = await this.get<Page<IngotEvent>>("/events?limit=1000");
    return body.items.filter((event) => event.kind === kind);
  }
}

/** Asks the boot side for a script. */
export async function scriptFor(
  boot: Hono<{ Bindings: BootBindings }>,
  query: string,
  peerAddress = "10.0.0.50",
): Promise<string> {
  const response = await boot.request(`/boot/script.ipxe?${query}`, {}, { peerAddress });
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  return response.text();
}
