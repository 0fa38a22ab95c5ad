import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TargetServer } from "@ingot/iscsi";
import { MemoryDevice } from "./memory-device.ts";

const run = promisify(execFile);

/** How one test of the suite ended; a test that found something missing says "passed" itself, and is `skip` here. */
export interface ConformanceResult {
  readonly test: string;
  readonly outcome: "pass" | "skip" | "fail";
  /** What the test printed, for a failure or a skip. */
  readonly output: string;
}

/** The names of all tests, each once: `Suite.Test`. */
export async function listConformanceTests(): Promise<string[]> {
  const { stdout } = await run("iscsi-test-cu", ["-l"]);
  const names = stdout
    .split("\n")
    .map((line) => line.trim().split("."))
    .filter((parts) => parts.length === 3)
    .map((parts) => parts.slice(1).join("."));
  return [...new Set(names)];
}

/** It asks for LBA i+1 and expects to hear of LBA i+8 when a physical block holds eight logical ones. */
const NEEDS_512: ReadonlySet<string> = new Set(["GetLBAStatus.UnmapSingle"]);

/** Runs tests of libiscsi's `iscsi-test-cu`, each in a process of its own and on a fresh disk in memory, two at a time. */
export async function runConformance(
  tests: readonly string[],
  onResult?: (result: ConformanceResult) => void,
): Promise<ConformanceResult[]> {
  const server = await TargetServer.listen({ address: "127.0.0.1", port: 0, directory: freshDisks() });
  const results: ConformanceResult[] = [];
  const queue = tests.map((test, i) => {
    const targetName = `iqn.2026-11.org.ingot:conformance-${i}${NEEDS_512.has(test) ? ":512" : ""}`;
    return { test, url: `iscsi://127.0.0.1:${server.address.port}/${targetName}/0` };
  });
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const result = await runOne(next.test, next.url);
      results.push(result);
      onResult?.(result);
    }
  };
  try {
    await Promise.all([worker(), worker()]);
  } finally {
    await server.close();
  }
  return results.toSorted((a, b) => tests.indexOf(a.test) - tests.indexOf(b.test));
}

/** Every target name is a new disk; two sessions of the same name share it. */
function freshDisks() {
  const disks = new Map<string, MemoryDevice>();
  return {
    credentials: async () => undefined,
    resolve: async ({ targetName }: { targetName: string }) => {
      const device = disks.get(targetName) ?? new MemoryDevice(64 * 1_048_576);
      disks.set(targetName, device);
      return {
        kind: "disk" as const,
        device,
        id: targetName,
        physicalBlockBytes: targetName.endsWith(":512") ? (512 as const) : (4096 as const),
      };
    },
    list: async () => [],
  };
}

async function runOne(test: string, url: string): Promise<ConformanceResult> {
  const family = test.startsWith("iSCSI") ? "iSCSI" : "ALL";
  const paths = test.startsWith("MultipathIO") ? [url, url] : [url];
  const options = ["--fail", "--dataloss", "--allow-sanitize", "--normal", "--test", `${family}.${test}`, ...paths];
  try {
    const { stdout, stderr } = await run("iscsi-test-cu", options, { timeout: 60_000 });
    const output = stdout + stderr;
    const ran = /tests\s+\d+\s+(\d+)/.exec(output)?.[1] ?? "0";
    return { test, outcome: ran === "0" || /\[?SKIPPED\]?|is not implemented/i.test(output) ? "skip" : "pass", output };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return { test, outcome: "fail", output: stdout + stderr };
  }
}
