import { runProgram } from "./cli/run-program.ts";

// The program as machines get it, as a bundle (build/bundle.ts): without the checkout there is nothing to build from.
await runProgram([]);
