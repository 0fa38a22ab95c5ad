export { DirectoryStore } from "./directory-store.ts";
export type { DirectoryStoreOptions, StoredChunk } from "./directory-store.ts";
export { isDigest, parseDigest, sha256 } from "./digest.ts";
export type { Digest } from "./digest.ts";
export { ChunkError } from "./errors.ts";
export type { ChunkErrorCode, ChunkErrorDetails } from "./errors.ts";
export { ExtentMap } from "./extent.ts";
export type { ChunkExtent, EmptyExtent, Extent } from "./extent.ts";
export { HttpStore } from "./http-store.ts";
export type { HttpStoreOptions } from "./http-store.ts";
export { MemoryStore } from "./memory-store.ts";
export { decodeManifest, encodeManifest, manifestIdOf } from "./manifest.ts";
export type { Manifest } from "./manifest.ts";
export type { StoreProblem } from "./open-store.ts";
export { parsePartitionTable } from "./partitions.ts";
export type { Partition, PartitionFacts } from "./partitions.ts";
export { signManifest, verifyManifest, verifySignature } from "./signature.ts";
export type { Signer } from "./signature.ts";
export { SigningKey } from "./signature-key-file.ts";
export type { StoreFiles } from "./store-files.ts";
export type {
  AffectedManifest,
  ChunkReader,
  DamagedFile,
  DamagedPack,
  DontCareRange,
  ImageImporter,
  ImagePruner,
  ImageRange,
  ImageSource,
  ImageStats,
  ImageStore,
  ImportOptions,
  ImportProgress,
  ImportResult,
  ManifestLister,
  ManifestReader,
  PruneResult,
  SignatureReader,
  SignatureWriter,
  StoreStatistics,
  StoreStats,
  StoreVerifier,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
} from "./store.ts";
