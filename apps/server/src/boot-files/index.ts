export { BOOT_FILES_PATH, BootFiles, BootProgram, defaultBootFileDirectories } from "./boot-files.ts";
