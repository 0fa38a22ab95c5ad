export { BOOT_FILES_PATH, BootFiles, BootProgram, defaultBootFileDirectories } from "./boot-files.ts";
export type { BootFile, BootFileDirectory } from "./boot-file.ts";
