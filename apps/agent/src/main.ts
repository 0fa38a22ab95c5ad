import { runProgram } from "./cli/run-program.ts";

// Building for machines needs much that nothing else does.
const [wanted] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const isForMachines = wanted === undefined || wanted === "build" || wanted === "bundle" || wanted === "help";
await runProgram(isForMachines ? (await import("./build/index.ts")).buildCommands() : []);
