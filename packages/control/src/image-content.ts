import type { SparseImage } from "@ingot/api";
import { type Digest, type ImportOptions, type ImportResult, parseDigest } from "@ingot/chunks";
import { translateChunkError } from "./chunk-errors.ts";
import { countSharedContent } from "./dedupe.ts";
import type { EventLog } from "./event-log.ts";
import type { ImageLibrary } from "./image-library.ts";
import type { Database } from "./tables.ts";

/** What {@link ImageContent} works with. */
export interface ImageContentDeps {
  readonly db: Database;
  readonly library: ImageLibrary;
  readonly events: EventLog;
  /** Told of failures of work that nobody waits for. */
  readonly onError: (error: unknown) => void;
}

/**
 * The content behind the versions: taken in before a version is named, given back after its name is gone. What an import
 * stored has no name for a moment, so imports and giving back take turns.
 */
export class ImageContent {
  readonly #deps: ImageContentDeps;
  /** Manifests that were imported and that the library has not heard of since. */
  readonly #imported = new Set<Digest>();
  #imports = 0;
  #pruneWanted = false;
  #pruning: Promise<unknown> = Promise.resolve();
  #background: Promise<void> = Promise.resolve();
  #chunkBytes = 0;

  private constructor(deps: ImageContentDeps) {
    this.#deps = deps;
  }

  /** Clears away content that a crash left without a name, and records versions whose content is gone. */
  static async open(deps: ImageContentDeps): Promise<ImageContent> {
    const content = new ImageContent(deps);
    const live = new Set(await content.#liveManifests());
    const stored = new Set(await deps.library.listManifests());
    for (const id of live.difference(stored)) {
      await deps.events.record({ kind: "image.damaged", message: `manifest ${id}: missing from the chunk store` });
    }
    // With a manifest missing nobody knows what its chunks are: everything stays until it is back or given up.
    if (stored.difference(live).size > 0 && live.isSubsetOf(stored)) await deps.library.prune(live);
    content.countLater();
    return content;
  }

  /** Plain content of all versions, each chunk once, as of the last count. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /**
   * Takes an image in and names it by `name`, before anything can take the content away again.
   * @throws ControlError `outOfSpace`, `damaged`, `busy`, `invalidRequest`; errors of the source and of `name` pass through.
   */
  async import<Named>(
    source: SparseImage,
    options: ImportOptions,
    name: (result: ImportResult) => Promise<Named>,
  ): Promise<Named> {
    this.#imports += 1;
    try {
      await this.#pruning;
      const result = await this.#deps.library.importImage(source, options).catch(translateChunkError);
      this.#imported.add(result.manifestId);
      const named = await name(result);
      this.countLater();
      return named;
    } finally {
      this.#imports -= 1;
      if (this.#imports === 0 && this.#pruneWanted) this.#later(() => this.#prune());
    }
  }

  /** Gives content back that no version names: at once, or when the imports that run are over. Failures go to `onError`. */
  async giveBack(): Promise<void> {
    this.#later(() => this.#prune());
    this.countLater();
    await this.#background;
  }

  /** Counts anew what is shared, in the background. */
  countLater(): void {
    this.#later(async () => {
      const { db, library } = this.#deps;
      const counted = await countSharedContent(await this.#liveManifests(), (id) => library.readManifest(id));
      this.#chunkBytes = counted.chunkBytes;
      await db.transaction().execute(async (trx) => {
        for (const [id, bytes] of counted.uniqueBytes) {
          await trx.updateTable("image_versions").set({ unique_bytes: bytes }).where("manifest_id", "=", id).execute();
        }
      });
    });
  }

  /** Resolves when nothing runs in the background. */
  async settled(): Promise<void> {
    for (let seen: Promise<void> | undefined; seen !== this.#background;) {
      seen = this.#background;
      await seen;
    }
  }

  async #prune(): Promise<void> {
    if (this.#imports > 0) {
      this.#pruneWanted = true;
      return;
    }
    this.#pruneWanted = false;
    const pruning = this.#pruneNow();
    this.#pruning = pruning.catch(() => undefined);
    await pruning;
  }

  async #pruneNow(): Promise<void> {
    const { library } = this.#deps;
    const live = await this.#liveManifests();
    const stored = new Set(await library.listManifests());
    const gone = [...this.#imported].filter((id) => stored.has(id) && !live.includes(id));
    // The library keeps what it imported until it has heard of it once: this says "I have heard of them".
    if (gone.length > 0) await library.prune([...live, ...gone]);
    await library.prune(live);
    this.#imported.clear();
  }

  async #liveManifests(): Promise<Digest[]> {
    const rows = await this.#deps.db.selectFrom("image_versions").select("manifest_id").distinct().execute();
    return rows.map((row) => parseDigest(row.manifest_id));
  }

  #later(task: () => Promise<void>): void {
    this.#background = this.#background.then(task).catch(this.#deps.onError);
  }
}
