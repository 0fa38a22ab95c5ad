import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CreateJob, Page, Task } from "@ingot/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../src/inventory/inventory.ts";
import { runAgent } from "../src/loop/run-agent.ts";
import { type Programs, systemPrograms } from "../src/system/programs.ts";
import { RootedFiles } from "../src/system/system-files.ts";
import { startServer, type TestServer } from "./server-process.ts";

const MIB = 2 ** 20;
const env = { ...process.env, LC_ALL: "C", PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
const isRoot = process.getuid?.() === 0;
if (!isRoot && process.env["CI"] !== undefined) throw new Error("this test needs root, for loop devices");

let server: TestServer;
const stops: AbortController[] = [];
const agents: Promise<void>[] = [];

/** What a machine is told to do to itself is written down instead. */
const commands: string[] = [];
const programs: Programs = {
  run(program, args, options) {
    if (!["reboot", "poweroff", "sync", "smartctl"].includes(program))
      return systemPrograms.run(program, args, options);
    if (program !== "smartctl") commands.push([program, ...args].join(" "));
    return Promise.resolve({ status: 0, stdout: "", stderr: "" });
  },
};

function machine(mac: string, disk: string, change: Partial<Inventory["disks"][number]> = {}): Inventory {
  return {
    dmi: {},
    nics: [
      {
        name: "eth0",
        mac: mac as Inventory["nics"][number]["mac"],
        permanent: true,
        link: true,
        addresses: ["127.0.0.1"],
      },
    ],
    disks: [
      {
        name: "sdz",
        path: disk,
        sizeBytes: statSync(disk).size,
        logicalSectorBytes: 512,
        physicalSectorBytes: 512,
        rotational: false,
        removable: false,
        readOnly: false,
        transport: "sata",
        usedBy: [],
        signatures: [],
        health: { verdict: "passed" },
        ...change,
      },
    ],
    firmware: { mode: "bios", secureBoot: "unsupported" },
    power: { mains: true },
    processor: { threads: 1, features: [], memoryBytes: 2 ** 30 },
  };
}

/** An agent in this process, on a machine whose disk is a file. */
function startMachine(mac: string, diskBytes: number, change: Partial<Inventory["disks"][number]> = {}): string {
  const path = join(server.folder, `disk-${mac.replaceAll(":", "")}`);
  writeFileSync(path, "");
  truncateSync(path, diskBytes);
  const stop = new AbortController();
  stops.push(stop);
  const options = { server: server.url, pin: server.pin, state: `${path}-state`, ram: true as const };
  const surroundings = {
    files: new RootedFiles(server.folder),
    programs,
    inventory: () => Promise.resolve(machine(mac, path, change)),
  };
  agents.push(runAgent(options, surroundings, stop.signal));
  return path;
}

const nameOf = (mac: string): string => `pc-${mac.replaceAll(":", "")}`;

async function call<T>(path: string, body?: unknown): Promise<T> {
  const init =
    body === undefined
      ? {}
      : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(`${server.api}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** Makes a job and waits until all of its tasks are over. */
async function job(wish: CreateJob): Promise<readonly Task[]> {
  const { id } = await call<{ id: string }>("/api/v1/jobs", wish);
  for (;;) {
    const { items } = await call<Page<Task>>(`/api/v1/jobs/${id}/tasks`);
    if (items.every(({ state }) => state === "done" || state === "failed")) return items;
    await sleep(200);
  }
}

async function known(mac: string): Promise<void> {
  for (;;) {
    const { items } = await call<Page<{ name: string }>>("/api/v1/machines");
    if (items.some(({ name }) => name === nameOf(mac))) return;
    await sleep(100);
  }
}

/** 48 MiB: GPT, a BIOS boot partition and an ext4. */
function makeImage(path: string): void {
  const partition = `${path}.ext4`;
  const run = (program: string, args: readonly string[], input = ""): string =>
    execFileSync(program, args, { env, input, encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] });
  const tree = `${path}.tree`;
  run("mkdir", ["-p", `${tree}/etc`]);
  writeFileSync(`${tree}/etc/hostname`, "golden\n");
  writeFileSync(`${tree}/blob`, randomBytes(12 * MIB));
  writeFileSync(path, "");
  truncateSync(path, 48 * MIB);
  run("sfdisk", ["--quiet", path], "label: gpt\nsize=1MiB, type=21686148-6449-6E6F-744E-656564454649\ntype=linux\n");
  writeFileSync(partition, "");
  truncateSync(partition, 44 * MIB);
  run("mkfs.ext4", ["-q", "-F", "-d", tree, partition]);
  run("dd", [`if=${partition}`, `of=${path}`, "bs=1M", "seek=2", "conv=notrunc,sparse"]);
}

const MACS = ["52:54:00:0a:00:01", "52:54:00:0a:00:02", "52:54:00:0a:00:03", "52:54:00:0a:00:04"] as const;

describe.skipIf(!isRoot)("a machine's tasks (skipped without root: loop devices)", () => {
  let first: string;
  let second: string;
  let image: string;

  beforeAll(async () => {
    server = await startServer();
    image = join(server.folder, "image.raw");
    makeImage(image);
    expect(await server.ingot("image", "add", "room", image)).toMatchObject({ code: 0 });
    first = startMachine(MACS[0], 48 * MIB);
    second = startMachine(MACS[1], 100 * MIB);
    startMachine(MACS[2], 32 * MIB);
    startMachine(MACS[3], 64 * MIB, { logicalSectorBytes: 4096 });
    for (const mac of MACS) await known(mac);
  });

  afterAll(async () => {
    for (const stop of stops) stop.abort(new DOMException("over", "AbortError"));
    await Promise.all(agents);
    await server[Symbol.asyncDispose]();
  });

  test("two disks are filled and made their machines', two that do not fit are left alone and say why", async () => {
    const tasks = await job({
      kind: "deploy",
      image: "room",
      to: MACS.map(nameOf),
      grow: true,
      after: "stay",
      method: "p2p",
    });
    const byMachine = new Map(tasks.map((task) => [task.machineName, task]));
    expect(byMachine.get(nameOf(MACS[0]))).toMatchObject({ state: "done" });
    expect(byMachine.get(nameOf(MACS[1]))).toMatchObject({ state: "done" });
    expect(byMachine.get(nameOf(MACS[2]))).toMatchObject({ state: "failed", error: { code: "disk-too-small" } });
    expect(byMachine.get(nameOf(MACS[3]))).toMatchObject({ state: "failed", error: { code: "sector-size" } });
    for (const disk of [first, second]) {
      expect(execFileSync("sfdisk", ["--verify", disk], { env, encoding: "utf8" })).toContain("No errors detected");
      expect(readFileSync(disk).includes(nameOf(disk === first ? MACS[0] : MACS[1]))).toBe(true);
    }
    for (const mac of MACS.slice(2)) {
      const disk = join(server.folder, `disk-${mac.replaceAll(":", "")}`);
      expect(readFileSync(disk).every((byte) => byte === 0)).toBe(true);
    }
  });

  test("a verification finds a byte that turned, and the repair makes the disk the image again", async () => {
    const bytes = readFileSync(first);
    bytes[10 * MIB] = (bytes[10 * MIB] ?? 0) ^ 0xff;
    writeFileSync(first, bytes);
    const [found] = await job({ kind: "verify", to: [nameOf(MACS[0])], after: "stay" });
    expect(found).toMatchObject({ state: "failed", error: { code: "damaged" } });
    const [repaired] = await job({ kind: "verify", to: [nameOf(MACS[0])], repair: true, after: "stay" });
    expect(repaired).toMatchObject({ state: "done" });
    const [again] = await job({ kind: "verify", to: [nameOf(MACS[0])], after: "stay" });
    expect(again).toMatchObject({ state: "done" });
  });

  test("a captured disk is an image that gives the same files", async () => {
    const [task] = await job({ kind: "capture", image: "captured", to: [nameOf(MACS[0])], after: "stay" });
    expect(task).toMatchObject({ state: "done" });
    const copy = join(server.folder, "copy.img");
    expect(await server.agent("copy", "pull", "captured", "--to", copy).ended).toMatchObject({ code: 0 });
    execFileSync("dd", [`if=${copy}`, `of=${copy}.ext4`, "bs=1M", "skip=2", "count=44", "status=none"]);
    execFileSync("e2fsck", ["-f", "-n", `${copy}.ext4`], { env, stdio: "ignore" });
    const blob = execFileSync("debugfs", ["-R", "cat /blob", `${copy}.ext4`], {
      env,
      maxBuffer: 64 * MIB,
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(blob.equals(readFileSync(`${image}.tree/blob`))).toBe(true);
  });

  test("a wiped disk is zeros, and the machine goes down as the job says", async () => {
    const [task] = await job({ kind: "wipe", to: [nameOf(MACS[1])], after: "poweroff" });
    expect(task).toMatchObject({ state: "done" });
    expect(readFileSync(second).every((byte) => byte === 0)).toBe(true);
    while (!commands.includes("poweroff -f")) await sleep(50);
  });
});
