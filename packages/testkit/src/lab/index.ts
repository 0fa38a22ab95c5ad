export { LabError, type LabErrorCode } from "./errors.ts";
export {
  LabProcess,
  runCommand,
  type CommandResult,
  type ProcessEnd,
  type ProcessOptions,
  type RunOptions,
} from "./lab-process.ts";
export { Lab, runIn, spawnIn, type CableEnd, type LabOptions } from "./lab.ts";
export { Machine, startMachine, type MachineOptions, type ShellOptions } from "./machine.ts";
export {
  machineArguments,
  type MachineDisk,
  type MachineFiles,
  type MachineFirmware,
  type MachineHardware,
} from "./machine-arguments.ts";
export { Monitor } from "./monitor.ts";
export { Namespace, type InterfaceOptions } from "./namespace.ts";
export { MOUNT_PROGRAM_DISK, writeProgramDisk } from "./program-disk.ts";
export { debianPackageOf, findTool, requireTools } from "./tools.ts";
export { Transcript, type Match, type WaitOptions } from "./transcript.ts";
