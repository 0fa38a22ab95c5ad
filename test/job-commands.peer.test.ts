import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentToken, Job } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ingot } from "./server-process.ts";

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-jobs-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const asJson = async <Value>(...words: string[]): Promise<Value> => {
  const { code, stdout, stderr } = await ingot(...words, "--json", "--data", data);
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as Value;
};

test("a job is made, looked at, paused, cancelled and retried from the command line", async () => {
  writeFileSync(join(folder, "disk.img"), new Uint8Array(1 << 20).fill(7));
  writeFileSync(join(folder, "answers.xml"), "<name>${name}</name>");
  await asJson("image", "add", "lab", join(folder, "disk.img"));
  await asJson("machine", "add", "--name", "pc-1", "--mac", "52:54:00:00:00:01");
  await asJson("machine", "add", "--name", "pc-2", "--mac", "52:54:00:00:00:02");
  const options = [
    "--to",
    "pc-1,pc-2",
    "--wave",
    "50%,100%",
    "--stop-if-failed",
    "5%",
    "--rate",
    "500mbit",
    "--disk",
    "nvme,largest",
  ];
  const inject = `/etc/answers.xml=${join(folder, "answers.xml")}`;
  const job = await asJson<Job>("deploy", "lab", ...options, "--inject", inject);
  expect(job).toMatchObject({
    id: "1",
    kind: "deploy",
    state: "running",
    waves: [50, 100],
    stopIfFailed: 5,
    counts: { booting: 1, waiting: 1 },
  });
  expect(await asJson<Job[]>("job", "list")).toMatchObject([{ id: "1" }]);
  expect(await asJson("job", "show", "1")).toMatchObject({
    tasks: [
      { machineName: "pc-1", state: "booting" },
      { machineName: "pc-2", reason: "wave 2 begins when wave 1 has finished" },
    ],
  });
  expect(await asJson<Job>("job", "pause", "1")).toMatchObject({ state: "paused" });
  expect(await asJson<Job>("job", "resume", "1")).toMatchObject({ state: "running" });
  expect(await asJson<Job>("job", "cancel", "1")).toMatchObject({ state: "cancelled" });
  expect(await ingot("job", "cancel", "1", "--data", data)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("is cancelled and cannot be cancelled"),
  });
  expect(await asJson<Job>("job", "retry", "1")).toMatchObject({ state: "running" });
  const log = join(folder, "job.csv");
  await asJson("job", "log", "1", "--csv", log);
  expect(readFileSync(log, "utf8").split("\r\n")[0]).toMatch(/^time,machine,state,bytes/);
  // Nothing goes on without a server: nobody is left waiting for it.
  expect(await ingot("job", "watch", "1", "--data", data)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("no server is running"),
  });
}, 400_000);

test("what cannot be meant is refused before anything is made", async () => {
  expect(await ingot("wipe", "pc-1", "--data", data)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--yes"),
  });
  expect(await ingot("deploy", "lab", "--to", "pc-1", "--disk", "/dev/sda", "--data", data)).toMatchObject({ code: 2 });
  expect(await ingot("capture", "pc-1", "lab", "--data", data)).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("neither a machine nor a group"),
  });
}, 200_000);

test("tokens are shown once, and settings say who is let in", async () => {
  expect(await asJson("settings", "set", "--enrolment", "token")).toMatchObject({ enrolment: "token" });
  const { token = "" } = await asJson<AgentToken>("agent-token", "create", "--life", "8h", "--comment", "room 3");
  expect(token).toMatch(/^ingot-[0-9a-f]{48}$/);
  const { stdout } = await ingot("agent-token", "list", "--json", "--data", data);
  expect(stdout).toContain("room 3");
  expect(stdout).not.toContain(token);
  expect(await ingot("machine", "approve", "KQ7-M2X", "--data", data)).toMatchObject({ code: 4 });
  expect(await asJson("machine", "waiting")).toEqual([]);
}, 200_000);
