/**
 * Odd initiators against a whole target in memory, for as long as one likes:
 * `node packages/iscsi/test/fuzz.ts --seconds 600 [--seed N]`, or one seed again: `--only N`. Exit code 1 when there are findings.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { Finding, fuzzOnce } from "./fuzz/run.ts";
import { CountingPool } from "./fuzz/session-fuzz.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(randomInt(2 ** 31)) },
    only: { type: "string" },
    findings: { type: "string", default: "5" },
  },
});

// Whoever reads the output may stop reading.
process.stdout.on("error", () => process.exit(1));
const print = (line: string): boolean => process.stdout.write(`${line}\n`);
let seed = Number(values.only ?? values.seed);
const findings: Finding[] = [];
const note = (cause: unknown): void => {
  const finding = cause instanceof Finding ? cause : new Finding(seed, cause);
  findings.push(finding);
  print(`${finding.message}\n${finding.cause instanceof Error ? finding.cause.stack : ""}`);
};
process.on("uncaughtException", note);
process.on("unhandledRejection", note);

const startMs = performance.now();
const endMs = startMs + Number(values.seconds) * 1000;
const mostFindings = Number(values.findings);
let executions = 0;
let pool = new CountingPool();
let reportMs = startMs + 30_000;
print(`seed ${seed}`);
do {
  await fuzzOnce(seed, pool).catch((cause: unknown) => {
    note(cause);
    // What the run left behind is no fault of the next one.
    pool = new CountingPool();
  });
  executions++;
  seed = (seed + 1) >>> 0;
  if (performance.now() > reportMs) {
    reportMs += 30_000;
    print(rate());
  }
} while (values.only === undefined && performance.now() < endMs && findings.length < mostFindings);
print(`${rate()}, ${findings.length} findings`);
process.exitCode = findings.length > 0 ? 1 : 0;

function rate(): string {
  const seconds = (performance.now() - startMs) / 1000;
  return `${executions} executions in ${seconds.toFixed(1)} s (${Math.round(executions / seconds)}/s)`;
}
