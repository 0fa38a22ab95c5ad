import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** How one test of libiscsi's suite ended. One that found something missing says "passed" itself, and is `skip` here. */
export type Outcome = "pass" | "skip" | "fail";

/** One test against one target. */
export interface ConformanceResult {
  readonly test: string;
  readonly outcome: Outcome;
  /** What the suite printed. */
  readonly output: string;
}

/** What a few tests need of their disk; all others run without. */
export interface DiskNeeds {
  /** `GetLBAStatus.UnmapSingle` asks for LBA i+1 and expects to hear of LBA i+8 where a physical block holds eight logical ones. */
  readonly physicalBlockBytes?: 512;
  /** `ReadOnly.*` skips where it may write. */
  readonly readOnly?: true;
  /** `Sanitize.Reset` wants to meet a SANITIZE that has been running for five seconds. */
  readonly slowWrites?: true;
}

/** A target that gives every test a disk of its own. */
export interface Contestant {
  /** One URL for each way to the disk; the tests of multipath get all. Disks of other tests are left alone. */
  openDisk(test: string, needs: DiskNeeds): Promise<readonly [string, ...string[]]>;
  close(): Promise<void>;
}

const NEEDS: Readonly<Record<string, DiskNeeds>> = {
  "GetLBAStatus.UnmapSingle": { physicalBlockBytes: 512 },
  "ReadOnly.ReadOnlySBC": { readOnly: true },
  "Sanitize.Reset": { slowWrites: true },
};

/** `Sanitize.Reset` sleeps for a minute; nothing else comes near. */
const TIMEOUT_MS = 110_000;

/** The names of all tests, each once: `Suite.Test`. */
export async function listConformanceTests(): Promise<string[]> {
  const { stdout } = await run("iscsi-test-cu", ["-l"]);
  const names = stdout
    .split("\n")
    .map((line) => line.trim().split("."))
    .filter((parts) => parts.length === 3)
    .map((parts) => parts.slice(1).join("."));
  return [...new Set(names)].toSorted();
}

/**
 * Runs tests of libiscsi's `iscsi-test-cu`, each in a process of its own and on a disk of its own, two at a time; the one that mostly sleeps
 * runs beside them. Results come in the order of `tests`.
 */
async function runConformance(
  target: Contestant,
  tests: readonly string[],
  onResult?: (result: ConformanceResult) => void,
): Promise<ConformanceResult[]> {
  const results = new Map<string, ConformanceResult>();
  const runOne = async (test: string): Promise<void> => {
    const result = await runTest(test, await target.openDisk(test, NEEDS[test] ?? {}));
    results.set(test, result);
    onResult?.(result);
  };
  const isSleeper = (test: string): boolean => NEEDS[test]?.slowWrites === true;
  const queue = tests.filter((test) => !isSleeper(test));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runOne(next);
  };
  await Promise.all([worker(), worker(), ...tests.filter(isSleeper).map(runOne)]);
  return tests.flatMap((test) => results.get(test) ?? []);
}

/** `runConformance`, and the target's end. */
export async function runAndClose(
  ...[target, ...rest]: Parameters<typeof runConformance>
): Promise<ConformanceResult[]> {
  try {
    return await runConformance(target, ...rest);
  } finally {
    await target.close();
  }
}

async function runTest(test: string, urls: readonly [string, ...string[]]): Promise<ConformanceResult> {
  const family = test.startsWith("iSCSI") ? "iSCSI" : "ALL";
  const paths = test.startsWith("MultipathIO") ? [urls[0], urls.at(-1) ?? urls[0]] : [urls[0]];
  const options = ["--fail", "--dataloss", "--allow-sanitize", "--normal", "--test", `${family}.${test}`, ...paths];
  try {
    const { stdout, stderr } = await run("iscsi-test-cu", options, { timeout: TIMEOUT_MS });
    const output = stdout + stderr;
    const ran = /tests\s+\d+\s+(\d+)/.exec(output)?.[1] ?? "0";
    return { test, outcome: ran === "0" || /\[?SKIPPED\]?|is not implemented/i.test(output) ? "skip" : "pass", output };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return { test, outcome: "fail", output: stdout + stderr };
  }
}
