export { CrashFile, CrashVolume, PowerCutError } from "./crash-volume.ts";
export type { CrashOperation, CrashVolumeOptions } from "./crash-volume.ts";
