import type {
  Digest,
  ImageSource,
  ImportOptions,
  ImportResult,
  Manifest,
  VerifyOptions,
  VerifyReport,
} from "@ingot/chunks";

/** Where the content of images is. A directory store is one. */
export interface ImageLibrary {
  /** Takes an image in. MUST leave the library as it was when it fails; several MAY run at once. */
  importImage(source: ImageSource, options?: ImportOptions): Promise<ImportResult>;
  readManifest(id: Digest): Promise<Manifest>;
  /** The server's signature of a manifest, 64 bytes; `undefined` where it has none. */
  readSignature(id: Digest): Promise<Uint8Array | undefined>;
  listManifests(): Promise<readonly Digest[]>;
  /**
   * Removes the manifests that are not in `live`, and the content that only they needed. MUST be idempotent. A manifest that
   * was imported since the library was opened MAY stay until it was in `live` once.
   */
  prune(live: Iterable<Digest>): Promise<unknown>;
  /** Hashes everything again. Damage is a result, not an error. */
  verify(options?: VerifyOptions): Promise<VerifyReport>;
}
