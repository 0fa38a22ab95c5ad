import type { AgentImage } from "@ingot/api";
import { encodeManifest, manifestIdOf, parseDigest } from "@ingot/chunks";
import { translateChunkError } from "../chunk-errors.ts";
import { ControlError } from "../errors.ts";
import type { ImageLibrary } from "../image-library.ts";
import { requireImage } from "../image-references.ts";
import type { Database } from "../tables.ts";

/** Manifests that are kept encoded: a room asks for the same one within seconds. Those of large images have some 10 MiB. */
const keptManifests = 4;

/** What agents are told of images: versions, signatures, manifests. */
export class AgentImages {
  readonly #db: Database;
  readonly #library: ImageLibrary;
  /** By id, least recently asked for first. */
  readonly #manifests = new Map<string, Promise<Uint8Array>>();

  constructor(deps: { readonly db: Database; readonly library: ImageLibrary }) {
    this.#db = deps.db;
    this.#library = deps.library;
  }

  /** The version that a reference means now, signed where it is. @throws ControlError `invalidRequest`, `notFound`. */
  async get(text: string): Promise<AgentImage> {
    const { image, version, manifestId } = await requireImage(this.#db, text);
    const row = await this.#db
      .selectFrom("image_versions")
      .select(["size_bytes", "data_bytes"])
      .where("image", "=", image)
      .where("version", "=", version)
      .executeTakeFirstOrThrow();
    const signature = await this.#library.readSignature(parseDigest(manifestId)).catch(translateChunkError);
    return {
      name: image,
      version,
      manifestId,
      signature: signature?.toHex(),
      sizeBytes: Number(row.size_bytes),
      dataBytes: Number(row.data_bytes),
    };
  }

  /** @throws ControlError `notFound` where no version has this manifest. */
  async require(id: string): Promise<void> {
    const named = await this.#db
      .selectFrom("image_versions")
      .select("version")
      .where("manifest_id", "=", id)
      .executeTakeFirst();
    if (named === undefined) throw new ControlError("notFound", `manifest ${id.slice(0, 64)}: no image has it`);
  }

  /** The manifest of a version, encoded. @throws ControlError `notFound` where no version has it, `damaged`. */
  async manifest(id: string): Promise<Uint8Array> {
    await this.require(id);
    const encoding = this.#manifests.get(id) ?? this.#encode(id);
    this.#manifests.delete(id);
    this.#manifests.set(id, encoding);
    for (const oldest of this.#manifests.keys()) {
      if (this.#manifests.size <= keptManifests) break;
      this.#manifests.delete(oldest);
    }
    try {
      return await encoding;
    } catch (error) {
      this.#manifests.delete(id);
      throw error;
    }
  }

  async #encode(id: string): Promise<Uint8Array> {
    const digest = parseDigest(id);
    const encoded = encodeManifest(await this.#library.readManifest(digest).catch(translateChunkError));
    if (manifestIdOf(encoded) !== digest)
      throw new ControlError("damaged", `manifest ${id}: is not what its digest says`);
    return encoded;
  }
}
