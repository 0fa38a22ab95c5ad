import { join } from "node:path";
import type { Outcome } from "./conformance-run.ts";

/** The generated page. */
export const CONFORMANCE_PAGE: string = join(import.meta.dirname, "..", "docs", "iscsi-conformance.md");

/** Tests that no target passes, and why. */
export const KNOWN_DEFECTS: Readonly<Record<string, string>> = {
  "iSCSITMF.LUNResetSimpleAsync":
    "`test-tool/test_async_lu_reset_simple.c` line 157 of libiscsi 1.19.0 asserts `reconnect_succeeded == 1` right after the LUN RESET was *queued*. " +
    "The variable starts as 0 and only the callback of the answer sets it (line 68), but the request has not even been sent: that happens " +
    "in the loop below, which the test then jumps over. libiscsi 1.20.0 moved the assertion into the callback (commit 5553d6b), and passes here. What the test is about, a " +
    "write that is answered before the reset or not at all, has a test of ours (`packages/iscsi/src/iscsi`).",
};

/** Why tests are skipped: the beginnings of their names, and the reason. */
const SKIP_REASONS: readonly (readonly [readonly string[], string])[] = [
  [
    ["PreventAllow.", "StartStopUnit.", "NoMedia."],
    "need a removable medium. A diskless machine's disk is not one: operating systems treat removable disks differently (no page file, " +
      "no dynamic volumes, other caching), and there is nothing to eject. PREVENT ALLOW MEDIUM REMOVAL and START STOP UNIT are there.",
  ],
  [
    ["WriteAtomic16."],
    "need WRITE ATOMIC(16). What a machine's disk guarantees through a power cut is one sector of 512 bytes ([overlay](formats/overlay.md)), so " +
      "that would be the honest atomic length; the suite writes 128 KiB atomically whatever length is reported. The command is not offered and " +
      "the atomic limits of VPD page B0h are 0.",
  ],
  [
    ["Sanitize.CryptoErase"],
    "needs CRYPTOGRAPHIC ERASE. Nothing on the disk is encrypted by us, so there is no key to throw away.",
  ],
  [
    ["Sanitize.Readonly", "Sanitize.Reservations"],
    "run with OVERWRITE and BLOCK ERASE, pass, and print SKIPPED for CRYPTOGRAPHIC ERASE.",
  ],
  [
    ["Sanitize.BlockErase"],
    "needs blocks that are seen to be given back: a raw file cannot say which of its blocks take up space (GET LBA STATUS), so it offers OVERWRITE alone.",
  ],
  [
    ["WriteSame10.ZeroBlocks", "WriteSame16.ZeroBlocks"],
    'check that a WRITE SAME of 0 blocks is refused where WSNZ is 1, and print SKIPPED. With WSNZ=0, which would mean "to the end of ' +
      'the disk", another test (`WriteSame10.UnmapUntilEnd`) fails by its own fault: it unmaps with a block of FFh and expects zeros. ' +
      "To refuse is also the safer of the two.",
  ],
];

/** Outcomes by test for each target, by the name of its column. */
export type Columns = Readonly<Record<string, ReadonlyMap<string, string>>>;

/** docs/iscsi-conformance.md. */
export function renderConformancePage(columns: Columns): string {
  const names = Object.keys(columns);
  const tests = [...(columns[names[0] ?? ""]?.keys() ?? [])].toSorted();
  const outcomeOf = (name: string, test: string): string => columns[name]?.get(test) ?? "";
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const counts = (["pass", "skip", "fail"] as const).map((outcome) =>
    row([outcome, ...names.map((name) => String(countOf(columns[name], outcome)))]),
  );
  const ours = names.filter((name) => name !== "tgt");
  const skipped = new Set(tests.filter((test) => ours.some((name) => outcomeOf(name, test) === "skip")));
  return [
    HEAD,
    row(["", ...names]),
    row(["---", ...names.map(() => "---")]),
    ...counts,
    "\n## What fails against every target\n\n",
    ...Object.entries(KNOWN_DEFECTS).map(([test, reason]) => `- \`${test}\`: ${reason}\n`),
    "\n## What is skipped against ours, and why\n\n",
    ...renderReasons(skipped),
    "\n## All tests\n\n",
    row(["test", ...names]),
    row(["---", ...names.map(() => "---")]),
    ...tests.map((test) => row([`\`${test}\``, ...names.map((name) => outcomeOf(name, test))])),
  ].join("");
}

const HEAD = `# iSCSI conformance

libiscsi's \`iscsi-test-cu\` (Debian's libiscsi-bin 1.19.0-3), every test in a process of its own with \`--dataloss --allow-sanitize\` and on a disk of
its own, 64 MiB. A test that prints SKIPPED counts as skipped although the suite calls it passed. The disks: a **thin overlay**, fresh as after a reset, over a
replica whose chunks are fetched when they are first read; a **persistent overlay** with changes of an earlier boot, closed with the last session and opened again with the
next; a **raw file**. Beside them Debian's tgt 1.0.85 with a thin LUN over a sparse file, run and counted the same way.

Three tests get a disk that suits them: \`GetLBAStatus.UnmapSingle\` one with physical blocks of 512 bytes (with larger ones it asks for one LBA and expects to hear of
another), \`ReadOnly.ReadOnlySBC\` a write-protected one, and \`Sanitize.Reset\` one that writes 7 MB/s (it looks five seconds later whether the SANITIZE is still
running). The tests of multipath use two portals.

This page is made by \`node test/conformance.ts --update\` (with names of tests or of a target only those are run again). \`test/conformance.peer.test.ts\` runs all tests against the persistent overlay, and some against the others, and compares.

`;

function countOf(outcomes: ReadonlyMap<string, string> | undefined, outcome: Outcome): number {
  return [...(outcomes?.values() ?? [])].filter((one) => one === outcome).length;
}

function renderReasons(skipped: ReadonlySet<string>): string[] {
  const left = new Set(skipped);
  const lines = SKIP_REASONS.flatMap(([beginnings, reason]) => {
    const tests = [...left].filter((test) => beginnings.some((beginning) => test.startsWith(beginning)));
    for (const test of tests) left.delete(test);
    return tests.length === 0 ? [] : [`- ${tests.map((test) => `\`${test}\``).join(", ")} ${reason}\n`];
  });
  if (left.size > 0) throw new Error(`skipped without a reason: ${[...left].join(", ")}`);
  return lines;
}

/** Test and outcome in one column of the page; empty where it has no such column. */
export function parseConformancePage(page: string, column: string): Map<string, string> {
  const lines = page.slice(page.indexOf("## All tests")).split("\n");
  const cellsOf = (line: string): string[] => line.split("|").map((cell) => cell.trim());
  const at = cellsOf(lines.find((line) => line.startsWith("| test ")) ?? "").indexOf(column);
  if (at < 0) return new Map();
  return new Map(
    lines
      .map(cellsOf)
      .filter(([, test = ""]) => test.startsWith("`"))
      .map((cells) => [cells[1]?.replaceAll("`", "") ?? "", cells[at] ?? ""]),
  );
}
