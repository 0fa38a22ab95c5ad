import {
  type Image,
  type ImageReference,
  type ImageVerification,
  type ImageVersion,
  isName,
  NAME_RULE,
  type SparseImage,
} from "@ingot/api";
import type { ImportOptions, ImportResult } from "@ingot/chunks";
import { type Clock, timeText } from "./clock.ts";
import { ControlError } from "./errors.ts";
import type { EventLog } from "./event-log.ts";
import { ImageContent } from "./image-content.ts";
import type { ImageLibrary } from "./image-library.ts";
import { nameManifests, resolveImage } from "./image-references.ts";
import { findImageUses } from "./image-uses.ts";
import { translateChunkError } from "./chunk-errors.ts";
import { damageOf, versionOf } from "./image-view.ts";
import type { LiveHub } from "./live-hub.ts";
import { KeyedMutex } from "./mutex.ts";
import { RunningWork } from "./running-work.ts";
import type { ServerSettings } from "./server-settings.ts";
import type { Database } from "./tables.ts";

/** What {@link ImageRegistry} works with. */
export interface ImageRegistryDeps {
  readonly db: Database;
  readonly clock: Clock;
  readonly library: ImageLibrary;
  readonly settings: ServerSettings;
  readonly events: EventLog;
  readonly hub: LiveHub;
  /** Told of failures of work that nobody waits for. */
  readonly onError: (error: unknown) => void;
}

/** What adding a version came to. */
export interface AddedVersion {
  readonly version: ImageVersion;
  readonly newChunkCount: number;
  /** The newest version has this content already, and stays the newest. */
  readonly unchanged: boolean;
}

/** What all images take. */
export interface ImageTotals {
  readonly images: number;
  readonly versions: number;
  /** Sum of all versions' data. */
  readonly imageBytes: number;
  /** Plain content, each chunk once. */
  readonly chunkBytes: number;
}

/**
 * Names, versions and tags. The content is in the library (a chunk store).
 *
 * A version is added content first, name last, and removed name first, content last: whatever a crash leaves behind is content
 * that no name points at, which `open` clears away.
 */
export class ImageRegistry {
  readonly #deps: ImageRegistryDeps;
  readonly #mutex = new KeyedMutex();
  readonly #content: ImageContent;
  readonly #work = new RunningWork();

  private constructor(deps: ImageRegistryDeps, content: ImageContent) {
    this.#deps = deps;
    this.#content = content;
  }

  /** Opens the registry and clears away content that a crash left without a name. */
  static async open(deps: ImageRegistryDeps): Promise<ImageRegistry> {
    return new ImageRegistry(deps, await ImageContent.open(deps));
  }

  /** One page of images, by name. */
  async list(query: { readonly limit: number; readonly after?: string | undefined }): Promise<Image[]> {
    const rows = await this.#deps.db
      .selectFrom("images")
      .select("name")
      .where("name", ">", query.after ?? "")
      .where((where) =>
        where.exists(
          where.selectFrom("image_versions").select("version").whereRef("image_versions.image", "=", "images.name"),
        ),
      )
      .orderBy("name")
      .limit(query.limit)
      .execute();
    return Promise.all(rows.map((row) => this.#read(row.name)));
  }

  /** What all images take. */
  async totals(): Promise<ImageTotals> {
    const row = await this.#deps.db
      .selectFrom("image_versions")
      .select(({ fn }) => [
        fn.countAll().as("versions"),
        fn.count("image").distinct().as("images"),
        fn.sum("data_bytes").as("imageBytes"),
      ])
      .executeTakeFirstOrThrow();
    return {
      images: Number(row.images),
      versions: Number(row.versions),
      imageBytes: Number(row.imageBytes ?? 0),
      chunkBytes: this.#content.chunkBytes,
    };
  }

  /** `NAME:VERSION` of the versions with these manifests, by manifest. */
  namesOf(manifestIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return nameManifests(this.#deps.db, manifestIds);
  }

  /** An image, with all versions or only the one that the reference means. @throws ControlError `notFound`. */
  async get(reference: ImageReference): Promise<Image> {
    const { name } = reference;
    const image = await this.#read(name);
    if (reference.version === undefined && reference.tag === undefined) return image;
    const version = await this.#requireVersion(reference);
    return {
      ...image,
      versions: image.versions.filter((entry) => entry.version === version),
      tags: Object.fromEntries(Object.entries(image.tags).filter(([, target]) => target === version)),
    };
  }

  async #read(name: string): Promise<Image> {
    const { db, settings } = this.#deps;
    const image = await db.selectFrom("images").selectAll().where("name", "=", name).executeTakeFirst();
    const versions = await db
      .selectFrom("image_versions")
      .selectAll()
      .where("image", "=", name)
      .orderBy("version")
      .execute();
    if (image === undefined || versions.length === 0) {
      throw new ControlError("notFound", `image ${JSON.stringify(name)}: there is none of that name`);
    }
    const tags = await db.selectFrom("image_tags").selectAll().where("image", "=", name).orderBy("tag").execute();
    const uses = await findImageUses(db, name, settings);
    return {
      name,
      createdAt: image.created_at,
      versions: versions.map((row) => versionOf(row, uses)),
      tags: Object.fromEntries(tags.map((row) => [row.tag, row.version])),
    };
  }

  /**
   * Takes an image in as the next version of `name`. Nothing is named before everything is stored.
   * @throws ControlError `invalidRequest` (name), `outOfSpace`, `damaged`, `busy` (also when the server stops meanwhile); errors of
   * `source` pass through.
   */
  async add(
    name: string,
    source: SparseImage,
    options: ImportOptions & { readonly comment?: string | undefined } = {},
  ): Promise<AddedVersion> {
    checkName(name);
    return this.#work.run(options.signal, async (signal) => {
      const added = await this.#content.import(source, { ...options, signal }, (result) =>
        this.#mutex.run(name, () => this.#name(name, result, options.comment)),
      );
      await this.#publish(name);
      return added;
    });
  }

  /** Removes one version, or all of them. @throws ControlError `notFound`, `inUse`. */
  async remove(reference: ImageReference): Promise<void> {
    await this.#work.run(undefined, () => this.#remove(reference));
  }

  async #remove(reference: ImageReference): Promise<void> {
    const { db, events, settings } = this.#deps;
    const { name } = reference;
    const label = await this.#mutex.run(name, async () => {
      const image = await this.#read(name);
      const one =
        reference.version === undefined && reference.tag === undefined
          ? undefined
          : await this.#requireVersion(reference);
      const doomed = image.versions
        .map((entry) => entry.version)
        .filter((version) => one === undefined || version === one);
      await db.transaction().execute(async (trx) => {
        const uses = await findImageUses(trx, name, settings);
        const users = [...new Set(doomed.flatMap((version) => uses.of(version)))];
        const tags = Object.entries(image.tags).filter(([, version]) => one !== undefined && version === one);
        for (const [tag] of tags) users.push(`tag ${name}:${tag}`);
        refuseUsed(one === undefined ? name : `${name}:${one}`, users);
        if (one === undefined) await trx.deleteFrom("image_tags").where("image", "=", name).execute();
        await trx.deleteFrom("image_versions").where("image", "=", name).where("version", "in", doomed).execute();
      });
      return one === undefined ? name : `${name}:${one}`;
    });
    await events.record({ kind: "image.removed", image: label, message: `image ${label} was removed` });
    await this.#publish(name);
    // The name is gone whatever comes of this: a failure only leaves content for the next time.
    await this.#content.giveBack();
  }

  /** Points a tag at a version. @throws ControlError `notFound`. */
  async setTag(name: string, tag: string, version: number): Promise<Image> {
    await this.#mutex.run(name, async () => {
      await this.#requireVersion({ name, version });
      await this.#deps.db
        .insertInto("image_tags")
        .values({ image: name, tag, version })
        .onConflict((conflict) => conflict.columns(["image", "tag"]).doUpdateSet({ version }))
        .execute();
    });
    await this.#deps.events.record({
      kind: "image.tagged",
      image: `${name}:${version}`,
      message: `${name}:${tag} is version ${version} now`,
    });
    await this.#publish(name);
    return this.#read(name);
  }

  /** Takes a tag away. @throws ControlError `notFound`, `inUse` where a setting names it. */
  async removeTag(name: string, tag: string): Promise<Image> {
    const { db } = this.#deps;
    const text = `${name}:${tag}`;
    await this.#requireVersion({ name, tag });
    const machines = await db.selectFrom("machines").select("name").where("image", "=", text).limit(10).execute();
    const groups = await db.selectFrom("machine_groups").select("name").where("image", "=", text).limit(10).execute();
    const { image: fallback } = this.#deps.settings.current;
    refuseUsed(text, [
      ...machines.map((row) => `machine ${row.name}`),
      ...groups.map((row) => `group ${row.name}`),
      ...(fallback?.name === name && fallback.tag === tag ? ["the server's default"] : []),
    ]);
    await db.deleteFrom("image_tags").where("image", "=", name).where("tag", "=", tag).execute();
    await this.#deps.events.record({ kind: "image.tagged", image: name, message: `${text} is no tag any more` });
    await this.#publish(name);
    return this.#read(name);
  }

  /** Reads everything that a version is made of again and says what is wrong. @throws ControlError `notFound`, `busy` when aborted. */
  async verify(reference: ImageReference, signal?: AbortSignal): Promise<ImageVerification> {
    return this.#work.run(signal, (either) => this.#verify(reference, either));
  }

  async #verify(reference: ImageReference, signal: AbortSignal): Promise<ImageVerification> {
    const version = await this.#requireVersion(reference);
    const row = await this.#deps.db
      .selectFrom("image_versions")
      .selectAll()
      .where("image", "=", reference.name)
      .where("version", "=", version)
      .executeTakeFirstOrThrow();
    const report = await this.#deps.library.verify({ signal }).catch(translateChunkError);
    const { count, damage } = damageOf(report, row.manifest_id);
    const label = `${reference.name}:${version}`;
    await this.#deps.events.record({
      kind: count === 0 ? "image.verified" : "image.damaged",
      image: label,
      message:
        count === 0 ? `image ${label} is as it was stored` : `image ${label}: ${count} chunks are missing or damaged`,
    });
    return {
      name: reference.name,
      version,
      chunkCount: Number(row.chunk_count),
      checkedBytes: report.checkedBytes,
      damage,
    };
  }

  /** Aborts imports and verifications and resolves when they, and work that nobody waits for, have ended. Idempotent. */
  async close(): Promise<void> {
    await this.#work.close();
    await this.#content.settled();
  }

  /** Resolves when work that nobody waits for is done. */
  async settled(): Promise<void> {
    await this.#content.settled();
  }

  async #name(name: string, result: ImportResult, comment: string | undefined): Promise<AddedVersion> {
    const { db, clock, events } = this.#deps;
    const createdAt = timeText(clock.now());
    const { version, unchanged } = await db.transaction().execute(async (trx) => {
      const newest = await resolveImage(trx, { name });
      if (newest?.manifestId === result.manifestId) return { version: newest.version, unchanged: true };
      await trx
        .insertInto("images")
        .values({ name, created_at: createdAt, last_version: 0 })
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute();
      const { last_version } = await trx
        .updateTable("images")
        .set((set) => ({ last_version: set("last_version", "+", 1) }))
        .where("name", "=", name)
        .returning("last_version")
        .executeTakeFirstOrThrow();
      await trx
        .insertInto("image_versions")
        .values({
          image: name,
          version: last_version,
          manifest_id: result.manifestId,
          created_at: createdAt,
          size_bytes: result.sizeBytes,
          data_bytes: result.dataBytes,
          unique_bytes: 0,
          stored_bytes: result.newPackBytes,
          chunk_count: result.chunkCount,
          comment: comment ?? null,
        })
        .execute();
      return { version: last_version, unchanged: false };
    });
    const label = `${name}:${version}`;
    if (!unchanged) {
      await events.record({
        kind: "image.added",
        image: label,
        message: `image ${label} was added`,
        data: { sizeBytes: result.sizeBytes, newChunkCount: result.newChunkCount },
      });
    }
    const entry = (await this.#read(name)).versions.find((candidate) => candidate.version === version);
    if (entry === undefined) throw new ControlError("notFound", `image ${label}: was removed meanwhile`);
    return { version: entry, newChunkCount: result.newChunkCount, unchanged };
  }

  async #requireVersion(reference: ImageReference): Promise<number> {
    const found = await resolveImage(this.#deps.db, reference);
    if (found === undefined) {
      const text = [reference.name, reference.version ?? reference.tag].filter((part) => part !== undefined).join(":");
      throw new ControlError("notFound", `image ${text}: there is no such image, version or tag`);
    }
    return found.version;
  }

  async #publish(name: string): Promise<void> {
    try {
      this.#deps.hub.publish({ type: "image", image: await this.#read(name) });
    } catch (error) {
      if (!(error instanceof ControlError) || error.code !== "notFound") throw error;
      this.#deps.hub.publish({ type: "removed", what: "image", id: name });
    }
  }
}

function checkName(name: string): void {
  if (isName(name)) return;
  throw new ControlError("invalidRequest", `image name ${JSON.stringify(name)}: expected ${NAME_RULE}`);
}

function refuseUsed(what: string, users: readonly string[]): void {
  if (users.length === 0) return;
  const shown = users.slice(0, 5).join(", ");
  const more = users.length > 5 ? ` and ${users.length - 5} more` : "";
  throw new ControlError("inUse", `image ${what}: needed by ${shown}${more}`, { details: { usedBy: users } });
}
