import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { Command, Option } from "commander";
import { ServerError } from "../errors.ts";
import type { CommonOptions } from "./common-options.ts";
import { ExitCode } from "./exit-codes.ts";

/** The parts of the test run, quick ones first; each project is one of `vitest.config.ts`. */
const STEPS = [
  { part: "check", name: "types", command: "tsc", arguments: ["-p", "tsconfig.json"] },
  { part: "check", name: "types of the console", command: "tsc", arguments: ["-p", "apps/console/tsconfig.json"] },
  { part: "check", name: "lint", command: "oxlint", arguments: ["--type-aware", "--deny-warnings"] },
  { part: "check", name: "format", command: "oxfmt", arguments: ["--check"] },
  { part: "check", name: "unused code", command: "knip", arguments: [] },
  { part: "unit", name: "unit tests", project: "unit" },
  { part: "peers", name: "tests against other people's programs", project: "peers" },
  { part: "machines", name: "virtual machines", project: "machines" },
] as const;

interface Count {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** What failed, by name. */
  readonly failures: readonly string[];
}

interface TestOptions extends CommonOptions {
  readonly only?: (typeof STEPS)[number]["part"];
}

const workspace = join(import.meta.dirname, "..", "..", "..", "..");

/** `ingot test` */
export function testCommand(): Command {
  return new Command("test")
    .description("run every test: checks, unit tests, other people's clients, virtual machines")
    .addOption(new Option("--only <part>", "one part").choices(["check", "unit", "peers", "machines"]))
    .addHelpText(
      "after",
      "\nExamples:\n  ingot test                 everything; root, about half an hour\n  ingot test --only unit     two or three minutes, nothing needed",
    )
    .action(runTests);
}

async function runTests(options: TestOptions): Promise<void> {
  if (process.getuid?.() !== 0 && options.only !== "unit" && options.only !== "check") {
    throw new ServerError(
      "usage",
      "the peer and machine tests make network namespaces: run them as root, or give --only unit",
    );
  }
  const counts: Count[] = [];
  for (const step of STEPS) {
    if (options.only !== undefined && options.only !== step.part) continue;
    process.stderr.write(`\n== ${step.name}\n`);
    counts.push("project" in step ? await runProject(step.name, step.project) : await runCheck(step));
  }
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  process.exitCode = failed === 0 && passed > 0 ? ExitCode.ok : ExitCode.failure;
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ passed, failed, parts: counts }, undefined, 2)}\n`);
    return;
  }
  process.stdout.write("\n");
  // Once more at the end: hours of output may lie between.
  for (const failure of counts.flatMap(({ failures }) => failures)) process.stdout.write(`failed: ${failure}\n`);
  for (const { name, passed: good, failed: bad, seconds } of counts) {
    process.stdout.write(
      `${name.padEnd(40)} ${String(good).padStart(5)} passed ${String(bad).padStart(4)} failed ${seconds.toFixed(0).padStart(6)} s\n`,
    );
  }
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
}

async function runCheck(step: {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
}): Promise<Count> {
  const started = performance.now();
  const code = await run(step.command, step.arguments);
  return {
    name: step.name,
    passed: code === 0 ? 1 : 0,
    failed: code === 0 ? 0 : 1,
    seconds: (performance.now() - started) / 1000,
    failures: code === 0 ? [] : [step.name],
  };
}

/** What vitest's JSON reporter writes, as far as it is read here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

async function runProject(name: string, project: string): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), "ingot-test-"));
  const report = join(folder, "report.json");
  const started = performance.now();
  try {
    const code = await run("vitest", [
      "run",
      "--project",
      project,
      "--reporter=default",
      "--reporter=json",
      `--outputFile=${report}`,
    ]);
    const seconds = (performance.now() - started) / 1000;
    const result = readReport(report);
    if (result === undefined) return { name, passed: 0, failed: 1, seconds, failures: [`${name}: no report`] };
    // A file that cannot even be loaded has no tests that could fail; it counts as one.
    const broken = result.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
    const failures = [
      ...result.testResults.flatMap(failedTests),
      ...broken.map((file) => relative(workspace, file.name)),
    ];
    // An error outside of every test fails the run although each test passed.
    if (failures.length === 0 && code !== 0) failures.push(`${name}: an error outside of the tests`);
    const failed = Math.max(failures.length, result.numFailedTests + broken.length);
    return { name, passed: result.numPassedTests, failed, seconds, failures };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function failedTests({ name, assertionResults }: VitestReport["testResults"][number]): string[] {
  const failed = assertionResults.filter(({ status }) => status === "failed");
  return failed.map(({ fullName }) => `${relative(workspace, name)}: ${fullName}`);
}

function readReport(path: string): VitestReport | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as VitestReport;
  } catch {
    return undefined;
  }
}

async function run(command: string, argumentList: readonly string[]): Promise<number> {
  // The tests' own output goes to standard error, so that standard output holds the result alone.
  const child = spawn(join(workspace, "node_modules", ".bin", command), argumentList, {
    cwd: workspace,
    stdio: ["ignore", 2, 2],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  return code ?? 1;
}
