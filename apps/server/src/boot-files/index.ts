export { BOOT_FILES_PATH, BootFiles, BOOT_PROGRAMS, defaultBootFileDirectories } from "./boot-files.ts";
