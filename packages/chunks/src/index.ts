export { CUT_BELOW, Chunker } from "./chunker.ts";
export type { Cut } from "./chunker.ts";
export { DirectoryStore } from "./directory-store.ts";
export type { DirectoryStoreOptions } from "./directory-store.ts";
export { digestFromBytes, digestToBytes, isDigest, parseDigest, sha256 } from "./digest.ts";
export type { Digest } from "./digest.ts";
export { ChunkError } from "./errors.ts";
export type { ChunkErrorCode, ChunkErrorDetails } from "./errors.ts";
export { ExtentMap, findExtent } from "./extent.ts";
export type { ChunkExtent, EmptyExtent, Extent } from "./extent.ts";
export {
  BLOCK_BYTES,
  MAX_CHUNK_BYTES,
  MAX_IMAGE_BYTES,
  MAX_PACK_BYTES,
  MIN_CHUNK_BYTES,
  SECTOR_BYTES,
} from "./limits.ts";
export { MemoryStore } from "./memory-store.ts";
export { decodeManifest, encodeManifest, manifestIdOf } from "./manifest.ts";
export type { Manifest } from "./manifest.ts";
export type { StoreProblem } from "./open-store.ts";
export { CodecPool } from "./pool-worker.ts";
export { parsePartitionTable } from "./partitions.ts";
export type { Partition, PartitionFacts } from "./partitions.ts";
export type { StoreFiles } from "./store-files.ts";
export type {
  AffectedManifest,
  ChunkReader,
  DamagedFile,
  DamagedPack,
  ImageImporter,
  ImagePruner,
  ImageRange,
  ImageSource,
  ImageStats,
  ImportOptions,
  ImportProgress,
  ImportResult,
  ManifestLister,
  ManifestReader,
  PruneResult,
  StoreStatistics,
  StoreStats,
  StoreVerifier,
  VerifyOptions,
  VerifyProgress,
  VerifyReport,
} from "./store.ts";
