import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "@ingot/testkit/lab";
import { SERVER_ADDRESS } from "./classroom.ts";
import type { CloneMethod, CloneRun } from "./method.ts";

const root = join(import.meta.dirname, "..", "..");
const NODE = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
const SERVER = join(root, "apps", "server", "src", "main.ts");
const AGENT = join(root, "apps", "agent", "src", "main.ts");
/** The agent as machines get it. */
const BUNDLE = join(root, "apps", "agent", "dist");
const NAME = "bench";
/** As `./ingot` sets it: both programs start in half of the time. */
const COMPILE_CACHE = join(process.env["HOME"] ?? "/tmp", ".cache", "ingot", "compile");

/** `ingot serve` and `ingot agent pull`, with a transfer method of theirs. */
export function ingot(transfer: "p2p" | "multicast" | "auto"): CloneMethod {
  return {
    name: `ingot ${transfer}`,
    verifies: true,
    tools: [],

    async prepare(run) {
      const [program, ...warnings] = NODE;
      const add = ["image", "add", NAME, run.image, "--data", dataOf(run)];
      await runCommand(program, [...warnings, SERVER, ...add], environment());
      await runCommand(program, [...warnings, AGENT, "bundle", "--output", BUNDLE], environment());
    },

    async serve(run) {
      const [program, ...warnings] = NODE;
      const doors = ["--agents", `${SERVER_ADDRESS}:8472`, "--http", "127.0.0.1:8470", "--iscsi", "127.0.0.1:3260"];
      const rate = ["--multicast-rate", `${run.linkMbit}mbit`];
      const quiet = ["--user", "root", "--json", "--log-level", "error"];
      const serve = ["serve", "--data", dataOf(run), ...doors, ...rate, ...quiet];
      const server = run.classroom.server.namespace.spawn(program, [...warnings, SERVER, ...serve], environment());
      await server.waitForOutput('"event":"ready"', { timeoutMs: 30_000 });
    },

    receive(run, { seat, directory }) {
      const [program, ...warnings] = NODE;
      const copy = join(directory, "image");
      const door = [
        "--server",
        `https://${SERVER_ADDRESS}:8472`,
        "--pin",
        readFileSync(join(dataOf(run), "keys", "agents.pin"), "utf8").trim(),
      ];
      const pull = ["pull", NAME, "--to", copy, ...door, "--state", join(directory, "state"), "--method", transfer];
      const together = ["--receivers", String(run.classroom.receivers.length)];
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const process = seat.namespace.spawn(
        program,
        [...warnings, join(BUNDLE, "ingot-agent.mjs"), ...pull, ...together, "--seed", "--json"],
        {
          ...environment(),
          onLine: (line) => line.includes('"seconds":') && resolve(),
        },
      );
      process.ended.then(
        () => reject(new Error(`pull ended before its copy was complete: ${process.output.tail()}`)),
        reject,
      );
      return { process, done: promise, copy };
    },
  };
}

function dataOf(run: CloneRun): string {
  return join(run.serverDirectory, "data");
}

function environment(): { env: Record<string, string> } {
  return { env: { NODE_COMPILE_CACHE: COMPILE_CACHE } };
}
