import { sha256 } from "./digest.ts";
import type { Digest } from "./digest.ts";
import { ChunkError, throwIfAborted } from "./errors.ts";
import { readImage } from "./import-run.ts";
import type { ChunkSink } from "./import-run.ts";
import { decodeManifest, encodeManifest, manifestIdOf } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { signaturePath } from "./store-core.ts";
import { signatureFault, throwUnlessWhole } from "./stored-signature.ts";
import type * as Store from "./store.ts";
import { imageStatsOf } from "./store-statistics.ts";

/**
 * A chunk store in memory, uncompressed and without packs. For tests and small tools; it behaves as a
 * `DirectoryStore` does (both run the same suite), and can lose and damage chunks on request.
 */
export class MemoryStore implements Store.ImageStore {
  readonly #chunks = new Map<Digest, Uint8Array>();
  readonly #manifests = new Map<Digest, Uint8Array>();
  readonly #signatures = new Map<Digest, Uint8Array>();
  readonly #fresh = new Set<Digest>();

  /** See `ChunkReader`. */
  async readChunk(digest: Digest, signal?: AbortSignal): Promise<Uint8Array> {
    throwIfAborted(signal, `reading chunk ${digest}`);
    const bytes = this.#chunks.get(digest);
    if (bytes === undefined) throw new ChunkError("missing", `chunk ${digest}: not in this store`, { chunk: digest });
    const got = sha256(bytes);
    if (got !== digest) {
      throw new ChunkError("damaged", `chunk ${digest}: got SHA-256 ${got}`, { chunk: digest });
    }
    return bytes;
  }

  /** See `ManifestReader`. */
  async readManifest(id: Digest): Promise<Manifest> {
    const bytes = this.#manifests.get(id);
    if (bytes === undefined) throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id });
    return decodeManifest(bytes);
  }

  /** See `SignatureReader`. */
  async readSignature(id: Digest): Promise<Uint8Array | undefined> {
    return this.#signatures.get(id);
  }

  /** See `SignatureWriter`. */
  async writeSignature(id: Digest, signature: Uint8Array): Promise<void> {
    throwUnlessWhole(id, signature);
    if (!this.#manifests.has(id)) {
      throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id });
    }
    this.#signatures.set(id, signature.slice());
  }

  /** See `ManifestLister`. */
  async listManifests(): Promise<readonly Digest[]> {
    return [...this.#manifests.keys()].sort();
  }

  /** See `ImageImporter`. */
  async importImage(source: Store.ImageSource, options: Store.ImportOptions = {}): Promise<Store.ImportResult> {
    const sink = new MemorySink((digest, bytes) => {
      const stored = this.#chunks.get(digest);
      return stored !== undefined && stored.every((byte, i) => byte === bytes[i]);
    });
    const { manifest, result } = await readImage(source, sink, options);
    const encoded = encodeManifest(manifest);
    const manifestId = manifestIdOf(encoded);
    for (const [digest, bytes] of sink.chunks) this.#chunks.set(digest, bytes);
    this.#manifests.set(manifestId, encoded);
    this.#fresh.add(manifestId);
    return { manifestId, ...result };
  }

  /** See `ImagePruner`. */
  async removeManifest(id: Digest): Promise<void> {
    if (!this.#manifests.delete(id)) {
      throw new ChunkError("missing", `manifest ${id}: not in this store`, { manifest: id });
    }
    this.#signatures.delete(id);
    this.#fresh.delete(id);
  }

  /** See `ImagePruner`. */
  async prune(live: Iterable<Digest>): Promise<Store.PruneResult> {
    const wanted = new Set(live);
    const needed = new Set<Digest>();
    const kept = new Set([...wanted, ...this.#fresh]);
    for (const id of kept) {
      for (const extent of (await this.readManifest(id)).extents) {
        if (extent.kind === "chunk") needed.add(extent.digest);
      }
    }
    const removedManifests = [...this.#manifests.keys()].filter((id) => !kept.has(id)).sort();
    for (const id of removedManifests) {
      this.#manifests.delete(id);
      this.#signatures.delete(id);
    }
    for (const id of wanted) this.#fresh.delete(id);
    let freedBytes = 0;
    for (const [digest, bytes] of this.#chunks) {
      if (needed.has(digest)) continue;
      freedBytes += bytes.length;
      this.#chunks.delete(digest);
    }
    return { removedManifests, removedPackCount: 0, freedBytes };
  }

  /** See `StoreVerifier`. */
  async verify({ signal, publicKey }: Store.VerifyOptions = {}): Promise<Store.VerifyReport> {
    throwIfAborted(signal, "verifying");
    let checkedBytes = 0;
    const good = new Set<Digest>();
    for (const [digest, bytes] of this.#chunks) {
      checkedBytes += bytes.length;
      if (sha256(bytes) === digest) good.add(digest);
    }
    const affectedManifests: Store.AffectedManifest[] = [];
    const damagedFiles: Store.DamagedFile[] = [];
    for (const id of await this.listManifests()) {
      const lost = new Set<Digest>();
      for (const extent of (await this.readManifest(id)).extents) {
        if (extent.kind === "chunk" && !good.has(extent.digest)) lost.add(extent.digest);
      }
      if (lost.size > 0) affectedManifests.push({ id, chunks: [...lost] });
      const reason = await signatureFault(id, () => this.readSignature(id), publicKey);
      if (reason !== undefined) damagedFiles.push({ path: signaturePath(id), reason });
    }
    const ok = affectedManifests.length + damagedFiles.length === 0 && good.size === this.#chunks.size;
    return { ok, packCount: 0, checkedBytes, damagedPacks: [], damagedFiles, affectedManifests };
  }

  /** See `StoreStatistics`. */
  async stats(): Promise<Store.StoreStats> {
    let packBytes = 0;
    for (const bytes of this.#chunks.values()) packBytes += bytes.length;
    return { manifestCount: this.#manifests.size, chunkCount: this.#chunks.size, packCount: 0, packBytes };
  }

  /** See `StoreStatistics`. */
  async imageStats(id: Digest): Promise<Store.ImageStats> {
    return await imageStatsOf(this, id, (digest) => this.#chunks.get(digest)?.length ?? 0);
  }

  /** Forgets a chunk, as a disk does that loses a file. */
  loseChunk(digest: Digest): void {
    this.#chunks.delete(digest);
  }

  /** Flips a bit of a chunk, as a bad disk does. */
  damageChunk(digest: Digest): void {
    const bytes = this.#chunks.get(digest);
    if (bytes === undefined) return;
    const damaged = bytes.slice();
    damaged[0] = (damaged[0] ?? 0) ^ 1;
    this.#chunks.set(digest, damaged);
  }
}

/** Keeps the chunks of one import; nothing is in the store before all of it is. */
class MemorySink implements ChunkSink {
  readonly chunks = new Map<Digest, Uint8Array>();
  readonly #digests = new Map<number, Digest>();
  readonly #isStored: (digest: Digest, bytes: Uint8Array) => boolean;
  newChunkCount = 0;
  newPackBytes = 0;

  constructor(isStored: (digest: Digest, bytes: Uint8Array) => boolean) {
    this.#isStored = isStored;
  }

  async add(extent: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const digest = sha256(bytes);
    this.#digests.set(extent, digest);
    if (this.chunks.has(digest)) return;
    if (!this.#isStored(digest, bytes)) {
      this.newChunkCount++;
      this.newPackBytes += bytes.length;
    }
    this.chunks.set(digest, bytes);
  }

  async finish(): Promise<ReadonlyMap<number, Digest>> {
    return this.#digests;
  }
}
