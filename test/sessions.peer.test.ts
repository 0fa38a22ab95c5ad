import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventPageSchema, type IngotEvent, type Session } from "@ingot/api";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type ParsedMetric, parsePrometheusText } from "../apps/server/test/prometheus-text.ts";
import { ServerApi } from "./server-api.ts";
import { ingot, run, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.91:8470", "--boot-port", "18491", "--iscsi", "127.0.0.91:3260"];

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-sessions-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function metricsOf(server: ServerProcess, query = ""): Promise<ReadonlyMap<string, ParsedMetric>> {
  return parsePrometheusText(await (await fetch(`${server.url}/metrics${query}`)).text());
}

function valueOf(metrics: ReadonlyMap<string, ParsedMetric>, name: string): number {
  return metrics.get(name)?.samples[0]?.value ?? Number.NaN;
}

async function refusals(server: ServerProcess): Promise<readonly IngotEvent[]> {
  const answer = await fetch(`${server.url}/api/v1/events?limit=1000`);
  return eventPageSchema.parse(await answer.json()).items.filter(({ kind }) => kind === "disk.refused");
}

test("what iscsi-perf reads is seen as its session, in the metrics, and in the machine's own", async () => {
  const image = join(folder, "disk.img");
  writeFileSync(image, new Uint8Array(1 << 20).fill(7));
  truncateSync(image, 16 << 20);
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  await using server = await ServerProcess.start(data, ...PORTS);
  const api = new ServerApi(server);
  const url = await api.addMachine(1, { image: "lab" });
  await api.addMachine(2, { image: "lab" });

  const load = spawn("iscsi-perf", ["-m", "4", "-b", "8", url], { stdio: "ignore" });
  const ended = once(load, "exit");
  const session = await vi.waitUntil(
    async () => {
      const shown = await ingot("session", "list", "--machine", "pc-1", "--json", "--data", data);
      const [found] = JSON.parse(shown.stdout) as Session[];
      return found !== undefined && found.read.p99Us !== undefined && found.read.bytesPerSecond > 0 ? found : undefined;
    },
    { timeout: 60_000, interval: 500 },
  );
  expect(session).toMatchObject({
    machineName: "pc-1",
    image: { name: "lab", version: 1 },
    initiator: "iqn.2010-11.libiscsi:iscsi-perf",
    portal: "127.0.0.91:3260",
    write: { bytes: 0, commands: 0 },
    failedCommands: 0,
  });
  const other = await ingot("session", "list", "--machine", "pc-2", "--data", data);
  expect(other.stdout).toBe("no sessions\n");

  const during = await metricsOf(server, "?machines=1");
  expect(valueOf(during, "ingot_iscsi_sessions")).toBe(1);
  expect(valueOf(during, "ingot_machine_read_bytes_total")).toBeGreaterThan(0);
  expect(during.get("ingot_replica_held_chunks")?.samples[0]?.labels).toEqual({ image: "lab:1" });

  load.kill("SIGKILL");
  await ended;
  await vi.waitUntil(async () => Number.isNaN(valueOf(await metricsOf(server), "ingot_iscsi_sessions")), {
    timeout: 30_000,
    interval: 300,
  });
  const after = await metricsOf(server);
  // What an ended session did is not forgotten.
  expect(valueOf(after, "ingot_iscsi_read_bytes_total")).toBeGreaterThanOrEqual(
    valueOf(during, "ingot_iscsi_read_bytes_total"),
  );
  expect(after.has("ingot_machine_read_bytes_total")).toBe(false);
});

test("a machine that is turned away is told why, and it is one event however often it tries", async () => {
  await using server = await ServerProcess.start(data, ...PORTS);
  const api = new ServerApi(server);
  // Without an image there is no disk to describe, but the target's name can be guessed.
  const added = await ingot(
    "machine",
    "add",
    "--mac",
    "52:54:00:00:00:01",
    "--plan",
    "diskless",
    "--json",
    "--data",
    data,
  );
  const { id } = JSON.parse(added.stdout) as { id: string };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const end = await run("iscsi-inq", [`iscsi://127.0.0.91:3260/iqn.2026-11.org.ingot:${id}/0`]);
    expect(end.code).not.toBe(0);
    expect(end.stdout + end.stderr).toContain("Target not found");
  }
  const [event, ...more] = await vi.waitUntil(
    async () => {
      const found = await refusals(server);
      return found.length > 0 ? found : undefined;
    },
    { timeout: 10_000, interval: 200 },
  );
  expect(more).toEqual([]);
  expect(event).toMatchObject({ machine: id, data: { status: "notFound", portal: "127.0.0.91:3260", count: 1 } });
  expect(event?.message).toContain("no image is set");
  const refused = (await metricsOf(server)).get("ingot_iscsi_logins_refused_total");
  expect(refused?.samples).toEqual([
    { name: "ingot_iscsi_logins_refused_total", labels: { status: "notFound" }, value: 3 },
  ]);
  expect((await api.status()).counts.sessions).toBe(0);
});

test("the figures are not for foreign web pages", async () => {
  await using server = await ServerProcess.start(data, ...PORTS);
  const answer = await run("curl", ["-s", "-H", "Host: evil.example", `${server.url}/metrics`]);
  expect(JSON.parse(answer.stdout)).toMatchObject({ error: { code: "forbidden" } });
});
