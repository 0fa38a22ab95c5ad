import type { Digest } from "./digest.ts";
import type { Manifest } from "./manifest.ts";

/** Reads chunks. */
export interface ChunkReader {
  /**
   * The plain bytes of a chunk, verified against its digest. They may be shared with other callers: do not write to them.
   * Throws `ChunkError`: `missing`, `damaged` (both name the chunk, and the pack if there is one), `aborted`, `io`, `closed`.
   */
  readChunk(digest: Digest, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Reads manifests. */
export interface ManifestReader {
  /** Throws `ChunkError`: `missing`, `damaged`, `io`, `closed`. */
  readManifest(id: Digest): Promise<Manifest>;
}

/** Knows which manifests there are. */
export interface ManifestLister {
  /** Ids, in ascending order. */
  listManifests(): Promise<readonly Digest[]>;
}

/** Reads signatures of manifests (`docs/formats/signature.md`). */
export interface SignatureReader {
  /** 64 bytes, not verified; `undefined` when the manifest has none. Throws `ChunkError`: `damaged` (not 64 bytes), `io`, `closed`. */
  readSignature(id: Digest): Promise<Uint8Array | undefined>;
}

/** Takes signatures of manifests in. */
export interface SignatureWriter {
  /**
   * Stores a signature beside its manifest, in place of an older one. The store does not know the key: `verify` with the key tells.
   * Throws `ChunkError`: `missing` (the manifest), `invalid-source` (not 64 bytes), `no-space`, `io`, `closed`.
   */
  writeSignature(id: Digest, signature: Uint8Array): Promise<void>;
}

/** A range of an image that is imported. `bytes` are not used after the next range is asked for. */
export interface ImageRange {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A range of an image whose content nobody needs: free space of a file system. */
export interface DontCareRange {
  readonly offset: number;
  /** Bytes. Less than 64 KiB of it on the 4 KiB grid is imported as zeros; ranges that touch SHOULD be given as one. */
  readonly dontCareLength: number;
}

/** An image to import. What `data` leaves out is zeros. */
export interface ImageSource {
  /** A positive multiple of 512. */
  readonly sizeBytes: number;
  /** Ranges in ascending order, not overlapping, inside the image; any size, 1 MiB is good. */
  readonly data: AsyncIterable<ImageRange | DontCareRange>;
}

/** How far an import is. */
export interface ImportProgress {
  /** Image bytes behind us, holes included. */
  readonly doneBytes: number;
  readonly sizeBytes: number;
  /** Chunks that the store did not have. */
  readonly newChunkCount: number;
  /** Bytes of packs written. */
  readonly newPackBytes: number;
}

/** What every long operation takes. */
export interface ImportOptions {
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an import came to. */
export interface ImportResult {
  readonly manifestId: Digest;
  readonly sizeBytes: number;
  /** Chunk extents of the image. */
  readonly chunkCount: number;
  /** Chunks that the store did not have. */
  readonly newChunkCount: number;
  /** Bytes of the packs that were written for them. */
  readonly newPackBytes: number;
  /** Bytes in chunk extents. */
  readonly dataBytes: number;
  /** Bytes in zero extents. */
  readonly zeroBytes: number;
  /** Bytes in don't-care extents. */
  readonly dontCareBytes: number;
}

/** Takes images in. */
export interface ImageImporter {
  /**
   * Cuts the image into chunks, stores those that are new, then its manifest. Several imports may run at once.
   * When it fails the store is as before. Throws `ChunkError`: `invalid-source`, `too-large`, `no-space`, `aborted`, `io`, `closed`;
   * an error of the source passes through.
   */
  importImage(source: ImageSource, options?: ImportOptions): Promise<ImportResult>;
}

/** What `prune` took away. */
export interface PruneResult {
  readonly removedManifests: readonly Digest[];
  readonly removedPackCount: number;
  /** Bytes given back, less what was written for packs that were mostly dead. */
  readonly freedBytes: number;
}

/** Forgets images. */
export interface ImagePruner {
  /** Removes one manifest and its signature; its chunks stay until `prune`. Throws `ChunkError` `missing`. */
  removeManifest(id: Digest): Promise<void>;
  /**
   * Removes every manifest that is not in `live`, with its signature, then the data that no manifest needs any more.
   * A manifest imported since the store was opened stays until it was in `live` once, so that an import
   * that finishes while the caller collects its list loses nothing. Imports may run meanwhile.
   * Throws `ChunkError` `missing` or `damaged` before anything is changed when a live manifest cannot be read.
   */
  prune(live: Iterable<Digest>): Promise<PruneResult>;
}

/** What an image takes. */
export interface ImageStats {
  /** Bytes in chunk extents. */
  readonly dataBytes: number;
  /** Bytes of its different chunks. */
  readonly uniqueBytes: number;
  /** What these take in packs, compressed. */
  readonly storedBytes: number;
  /** Of `uniqueBytes`, those in chunks that another manifest of the store names too. */
  readonly sharedBytes: number;
}

/** What a store takes. */
export interface StoreStats {
  readonly manifestCount: number;
  readonly chunkCount: number;
  readonly packCount: number;
  /** Bytes of all packs. */
  readonly packBytes: number;
}

/** Counts. */
export interface StoreStatistics {
  stats(): Promise<StoreStats>;
  /** Throws as `readManifest`. */
  imageStats(id: Digest): Promise<ImageStats>;
}

/** A pack that is not what it should be. */
export interface DamagedPack {
  readonly pack: Digest;
  readonly path: string;
  readonly reason: string;
  /** Chunks that cannot be read from it. */
  readonly chunks: readonly Digest[];
}

/** Any other file that is not what it should be. */
export interface DamagedFile {
  readonly path: string;
  readonly reason: string;
}

/** A manifest that cannot be read as a whole. */
export interface AffectedManifest {
  readonly id: Digest;
  /** Different chunks of it that are missing or damaged. */
  readonly chunks: readonly Digest[];
}

/** What `verify` found. */
export interface VerifyReport {
  /** Nothing is wrong. */
  readonly ok: boolean;
  readonly packCount: number;
  readonly checkedBytes: number;
  readonly damagedPacks: readonly DamagedPack[];
  /** Index segments (rebuilt from the packs meanwhile), manifests, and signatures. */
  readonly damagedFiles: readonly DamagedFile[];
  readonly affectedManifests: readonly AffectedManifest[];
}

/** How far a verification is. */
export interface VerifyProgress {
  readonly donePacks: number;
  readonly packCount: number;
}

/** Takes `verify`'s wishes. */
export interface VerifyOptions {
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  /** The key that signs manifests, 64 hex digits: signatures that are not by it are reported. Without it only their length is checked. */
  readonly publicKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Checks what is stored. */
export interface StoreVerifier {
  /** Hashes everything again; damage is a result, not an error. Throws `ChunkError`: `aborted`, `io`, `closed`. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
}

/** Everything that a store of images can do. */
export interface ImageStore
  extends
    ChunkReader,
    ManifestReader,
    ManifestLister,
    SignatureReader,
    SignatureWriter,
    ImageImporter,
    ImagePruner,
    StoreVerifier,
    StoreStatistics {}
