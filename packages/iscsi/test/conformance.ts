/**
 * The whole of libiscsi's conformance suite against this target: `node conformance.ts [--verbose] [NAME…]`, NAME being the beginning of
 * a test's name. Prints one line per test and a summary; exit code 1 when one failed.
 */
import { parseArgs } from "node:util";
import { listConformanceTests, runConformance } from "./conformance-run.ts";

const { values, positionals } = parseArgs({
  options: { verbose: { type: "boolean", default: false } },
  allowPositionals: true,
});

const all = await listConformanceTests();
const tests = positionals.length === 0 ? all : all.filter((test) => positionals.some((name) => test.startsWith(name)));
const results = await runConformance(tests, ({ test, outcome, output }) => {
  process.stdout.write(`${outcome.padEnd(5)} ${test}\n`);
  if (values.verbose && outcome !== "pass") process.stdout.write(`${output}\n`);
});
const count = (outcome: string): number => results.filter((result) => result.outcome === outcome).length;
process.stdout.write(
  `${results.length} run, ${count("pass")} passed, ${count("skip")} skipped, ${count("fail")} failed\n`,
);
process.exitCode = count("fail") > 0 ? 1 : 0;
