import type { TaskProgress } from "@ingot/api";
import type { ByteReader, DeployPlan } from "@ingot/disks";
import { type FileHandle, mkdtemp, open, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Session } from "../client/session.ts";
import { memberNotes } from "../deploy/member-notes.ts";
import type { KnownImage } from "../deploy/verified-image.ts";
import { startEngine, SwarmMember, type SwarmSettings } from "../deploy/swarm-member.ts";

/** What fetching takes. */
export interface FetchOptions {
  readonly session: Session;
  readonly image: Pick<KnownImage, "manifest" | "manifestId">;
  readonly plan: DeployPlan;
  readonly machine: Pick<SwarmSettings, "threads" | "cacheBytes" | "addresses">;
  readonly onProgress: (progress: TaskProgress) => void;
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Some chunks of an image, verified, at their offsets in a sparse file that has no name any more. */
export class FetchedChunks implements ByteReader, AsyncDisposable {
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #offsets: ReadonlySet<number>;

  private constructor(sizeBytes: number, file: FileHandle, offsets: ReadonlySet<number>) {
    this.sizeBytes = sizeBytes;
    this.#file = file;
    this.#offsets = offsets;
  }

  /**
   * Fetches chunks from the server: who looks at a disk has nothing to give to others yet. They stay in memory where the system has no other
   * place for files. Errors: those of `SwarmError`, the signal's reason.
   */
  static async fetch(chunks: Iterable<number>, options: FetchOptions): Promise<FetchedChunks> {
    const { plan, signal } = options;
    const wanted = [...chunks];
    const offsets = new Set(wanted.flatMap((chunk) => plan.chunk(chunk).offsets));
    const file = await openNameless();
    try {
      await file.truncate(plan.sizeBytes);
      if (wanted.length > 0) await fetchInto(file.fd, wanted, options);
      signal.throwIfAborted();
      return new FetchedChunks(plan.sizeBytes, file, offsets);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Whether the chunk at this offset is here. */
  has(offset: number): boolean {
    return this.#offsets.has(offset);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length;) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, offset + done);
      if (bytesRead === 0) throw new RangeError(`fetched chunks end at byte ${offset + done}`);
      done += bytesRead;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

async function fetchInto(fd: number, wanted: readonly number[], options: FetchOptions): Promise<void> {
  const { session, image, plan, signal } = options;
  const held = new Uint8Array(Math.ceil(plan.chunks.length / 8)).fill(0xff);
  for (const chunk of wanted) held[chunk >> 3] = (held[chunk >> 3] ?? 0) & ~(1 << (chunk & 7));
  // From the server alone: what is said to be held is not in the file, so nobody may be served from it.
  const settings: SwarmSettings = { ...options.machine, method: "unicast" };
  await using engine = await startEngine(session.identity, settings);
  const content = { ...image, fd, offset: 0, held, onWritten: () => undefined };
  const member = await SwarmMember.join(session, engine, content, settings, memberNotes(options.onNote));
  const stopped = Promise.withResolvers<never>();
  const onAbort = (): void => stopped.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    signal.throwIfAborted();
    await Promise.race([member.completed, stopped.promise]);
    options.onProgress(member.progress());
  } finally {
    signal.removeEventListener("abort", onAbort);
    await member.close();
  }
}

async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), "ingot-chunks-"));
  const path = join(folder, "chunks");
  try {
    const file = await open(path, "wx+", 0o600);
    await unlink(path);
    return file;
  } finally {
    await rmdir(folder);
  }
}
