/**
 * The whole of libiscsi's conformance suite against our target, over each kind of disk, and against tgt:
 * `node test/conformance.ts [--update] [--only TARGET] [--verbose] [NAME…]`, NAME being the beginning of a test's name. Prints one line per
 * test and a summary for each target; `--update` brings what was run into docs/iscsi-conformance.md; all of it takes five minutes. Needs Debian's
 * libiscsi-bin, and tgt for its column; exit code 1 when a test failed against ours.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { DISK_KINDS, startIngot } from "./conformance-ingot.ts";
import { CONFORMANCE_PAGE, KNOWN_DEFECTS, parseConformancePage, renderConformancePage } from "./conformance-page.ts";
import { listConformanceTests, runAndClose } from "./conformance-run.ts";
import { startTgt } from "./conformance-tgt.ts";

const { values, positionals } = parseArgs({
  options: {
    update: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
    only: { type: "string", default: "" },
  },
  allowPositionals: true,
});

const all = await listConformanceTests();
const tests = positionals.length === 0 ? all : all.filter((test) => positionals.some((name) => test.startsWith(name)));
const columns: Record<string, Map<string, string>> = {};
const page = existsSync(CONFORMANCE_PAGE) ? await readFile(CONFORMANCE_PAGE, "utf8") : "";
for (const name of [...DISK_KINDS, "tgt"] as const) {
  const outcomes = parseConformancePage(page, name);
  columns[name] = outcomes;
  if (!name.includes(values.only)) continue;
  const target = name === "tgt" ? await startTgt() : await startIngot(name);
  const results = await runAndClose(target, tests, ({ test, outcome, output }) => {
    process.stdout.write(`${outcome.padEnd(5)} ${name}: ${test}\n`);
    if (values.verbose && outcome !== "pass") process.stdout.write(`${output}\n`);
  });
  for (const { test, outcome } of results) outcomes.set(test, outcome);
  const count = (outcome: string): number => results.filter((result) => result.outcome === outcome).length;
  process.stdout.write(`${name}: ${count("pass")} passed, ${count("skip")} skipped, ${count("fail")} failed\n`);
  const isOurs = name !== "tgt";
  if (isOurs && results.some(({ test, outcome }) => outcome === "fail" && KNOWN_DEFECTS[test] === undefined))
    process.exitCode = 1;
}
if (values.update) await writeFile(CONFORMANCE_PAGE, renderConformancePage(columns));
