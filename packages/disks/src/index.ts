export type { BlockDevice, ReadableDevice } from "./block-device.ts";
export { isComplete } from "./boot-trace.ts";
export type { BootTrace } from "./boot-trace.ts";
export { BootTraceRecorder } from "./boot-trace-recorder.ts";
export type { ChunkPlaces, RecordingState } from "./boot-trace-recorder.ts";
export { BootTraceStore } from "./boot-trace-store.ts";
export type { TracedImage } from "./boot-trace-store.ts";
export { DeployPlan } from "./deploy-plan.ts";
export type { DistinctChunk } from "./deploy-plan.ts";
export type { DiskRange } from "./deploy-target.ts";
export type { DeployVerifyReport, WrongPlace } from "./deploy-verify.ts";
export { Deployment } from "./deployment.ts";
export type {
  ChunkTally,
  DeploymentContent,
  DeploymentOptions,
  DeploymentProgress,
  DeploymentStats,
} from "./deployment.ts";
export { DiskError } from "./errors.ts";
export type { DiskErrorCode, DiskPlace } from "./errors.ts";
export { ImageView } from "./image-view.ts";
export { OsVolume } from "./os-volume-file.ts";
export type { OsVolumeOptions } from "./os-volume-file.ts";
export { Overlay } from "./overlay.ts";
export type { OverlayOptions, OverlayStats } from "./overlay.ts";
export { measureOverlay, removeOverlay } from "./overlay-store.ts";
export { openRawImage } from "./raw-image-file.ts";
export type { RawImage } from "./raw-image-file.ts";
export { RawDisk } from "./raw-disk.ts";
export type { PrefetchOptions, PrefetchReport } from "./prefetch.ts";
export { Replica } from "./replica.ts";
export type { ReplicaOptions, ReplicaProgress, ReplicaStats, ReplicaWork, UnavailableChunk } from "./replica.ts";
export { ReplicaPool } from "./replica-pool.ts";
export { ReplicaView } from "./replica-view.ts";
export type { ReplicaViewOptions } from "./replica-view.ts";
export { unchangedParts } from "./unchanged-files/unchanged-files.ts";
export type { UnchangedPart } from "./unchanged-files/unchanged-files.ts";
export type { ByteReader } from "./used-blocks/byte-reader.ts";
export { recognise } from "./used-blocks/recognise.ts";
export type { Finding, FindingKind } from "./used-blocks/recognise.ts";
export type { UsedRange } from "./used-blocks/usage.ts";
export { findUsedBlocks } from "./used-blocks/used-blocks.ts";
export type { PartitionUsage, UsedBlocks } from "./used-blocks/used-blocks.ts";
export { openByteReader, openUsedImage } from "./used-blocks/used-image-file.ts";
export type { UsedImage } from "./used-blocks/used-image-file.ts";
export { watchReads } from "./watched-base.ts";
export type { DurableFile, ReadOnlyVolume, Volume } from "./volume.ts";
export { PageCacheEstimate } from "./warm-blocks.ts";
