import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type DiskKind, startIngot } from "./conformance-ingot.ts";
import { CONFORMANCE_PAGE, KNOWN_DEFECTS, parseConformancePage } from "./conformance-page.ts";
import { listConformanceTests, runAndClose } from "./conformance-run.ts";

const hasSuite = (process.env["PATH"] ?? "").split(":").some((dir) => existsSync(`${dir}/iscsi-test-cu`));
if (!hasSuite) {
  const reason = "missing: iscsi-test-cu (Debian: libiscsi-bin)";
  if (process.env["CI"] !== undefined) throw new Error(reason);
  process.stderr.write(`iSCSI conformance skipped, ${reason}\n`);
}

/** What the kinds of disk do in ways of their own: space, and what is written where. */
const SUBSET =
  /^(CompareAndWrite|ExtendedCopy|GetLBAStatus|ReadOnly|Sanitize\.(Block|Over)|Unmap|Write10|WriteSame16|MultipathIO)/;

async function expectAsOnThePage(kind: DiskKind, tests: readonly string[]): Promise<void> {
  const page = parseConformancePage(await readFile(CONFORMANCE_PAGE, "utf8"), kind);
  const target = await startIngot(kind);
  const results = await runAndClose(target, tests);
  const outcomes = results.map(({ test: name, outcome }) => `${name}: ${outcome}`);
  const different = results.filter(({ test: name, outcome }) => page.get(name) !== outcome);
  expect(outcomes, different.map(({ output }) => output).join("\n")).toEqual(
    tests.map((name) => `${name}: ${page.get(name)}`),
  );
}

describe.runIf(hasSuite)("libiscsi's conformance suite", () => {
  test("the page knows every test, and nothing fails but what fails everywhere", async () => {
    const page = await readFile(CONFORMANCE_PAGE, "utf8");
    for (const kind of ["thin overlay", "persistent overlay", "raw file"] as const) {
      const outcomes = parseConformancePage(page, kind);
      expect([...outcomes.keys()]).toEqual(await listConformanceTests());
      const failed = [...outcomes].filter(([, outcome]) => outcome === "fail").map(([name]) => name);
      expect(failed).toEqual(Object.keys(KNOWN_DEFECTS));
    }
  });

  // A little more than a minute, which one of the tests sleeps; much more where others need the processor.
  test("a persistent overlay: all tests end as docs/iscsi-conformance.md says", { timeout: 300_000 }, async () => {
    await expectAsOnThePage("persistent overlay", await listConformanceTests());
  });

  test.each(["thin overlay", "raw file"] as const)("a %s: what depends on the disk", async (kind) => {
    await expectAsOnThePage(
      kind,
      (await listConformanceTests()).filter((name) => SUBSET.test(name)),
    );
  });
});
