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
export { Namespace, type InterfaceOptions } from "./namespace.ts";
export { debianPackageOf, findTool, requireTools } from "./tools.ts";
export { Transcript, type Match, type WaitOptions } from "./transcript.ts";
