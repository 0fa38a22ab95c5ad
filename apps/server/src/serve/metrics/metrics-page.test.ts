import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { DISK_METRICS } from "./disk-metrics.ts";
import { ISCSI_METRICS } from "./iscsi-metrics.ts";
import { JOB_METRICS } from "./job-metrics.ts";
import { MACHINE_METRICS } from "./machine-metrics.ts";
import { registerProcessMetrics } from "./process-metrics.ts";
import { SERVICE_METRICS } from "./service-metrics.ts";

const page = join(import.meta.dirname, "..", "..", "..", "..", "..", "docs", "metrics.md");
const heading = "## Every metric\n";

interface Row {
  readonly name: string;
  readonly type: string;
  readonly labels?: readonly string[];
  readonly help: string;
}

function tableOf(title: string, rows: readonly Row[]): string {
  const lines = rows.map(
    ({ name, type, labels = [], help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(" ")} | ${help.replaceAll("|", "\\|")} |`,
  );
  return `\n### ${title}\n\n| name | type | labels | what |\n|---|---|---|---|\n${lines.join("\n")}\n`;
}

async function processRows(): Promise<readonly Row[]> {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const found = await registry.getMetricsAsJSON();
  return found.map(({ name, type, help }) => ({ name, type: String(type), help }));
}

async function renderTables(): Promise<string> {
  return [
    `${heading}\nMade from the code: \`UPDATE_PAGES=1 vitest run --project unit apps/server/src/serve/metrics\` writes this part anew.\n`,
    tableOf("iSCSI", ISCSI_METRICS),
    tableOf("Disks and images", DISK_METRICS),
    tableOf("Jobs", JOB_METRICS),
    tableOf("Server and services", SERVICE_METRICS),
    tableOf("Each machine, with `?machines=1`", MACHINE_METRICS),
    tableOf("The process (of the library `prom-client`)", await processRows()),
  ].join("");
}

test("docs/metrics.md lists every metric as the code has it", async () => {
  const tables = await renderTables();
  const [prose = ""] = readFileSync(page, "utf8").split(heading);
  if (process.env["UPDATE_PAGES"] === "1") writeFileSync(page, prose + tables);
  expect(readFileSync(page, "utf8")).toBe(prose + tables);
});
