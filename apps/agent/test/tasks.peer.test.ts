import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CreateJob, Page, Task } from "@ingot/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Inventory } from "../src/inventory/inventory.ts";
import { runAgent } from "../src/loop/run-agent.ts";
import { type Programs, systemPrograms } from "../src/system/programs.ts";
import { RootedFiles } from "../src/system/system-files.ts";
import { inventoryWith } from "./inventory-with.ts";
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
    inventory: () => Promise.resolve(inventoryWith(mac, path, change)),
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

/** A cell that lost its charge. */
function turnByte(disk: string, at: number): void {
  const fd = openSync(disk, "r+");
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, at);
  writeSync(fd, Uint8Array.of((byte[0] ?? 0) ^ 0xff), 0, 1, at);
  closeSync(fd);
}

/** What a machine's system does to its own file system. */
function inFileSystem(disk: string, use: (root: string) => void): void {
  const root = mkdtempSync(join(server.folder, "root-"));
  execFileSync("mount", ["-o", `loop,offset=${2 * MIB}`, disk, root], { env });
  try {
    use(root);
  } finally {
    execFileSync("umount", [root], { env });
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

  describe("a verification", () => {
    const verify = async (mac: string, repair = false): Promise<Task | undefined> =>
      (await job({ kind: "verify", to: [nameOf(mac)], repair, after: "stay" }))[0];

    test("passes what the deployment itself made different: table, growth, host name", async () => {
      const [same, larger] = [await verify(MACS[0]), await verify(MACS[1])];
      expect(same).toMatchObject({ state: "done" });
      expect(same?.note).toMatch(/^sdz is room:1; [0-9.]+ KiB of partition 2 were written since$/);
      expect(larger).toMatchObject({ state: "done" });
      expect(larger?.note).toMatch(/^sdz is room:1; [0-9.]+ [KM]iB of partition 2 were written since$/);
    });

    test("finds a byte that turned in a file, names it, and the repair writes it and nothing else", async () => {
      inFileSystem(second, (root) => {
        writeFileSync(join(root, "var.log"), randomBytes(3 * MIB));
        appendFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost\n");
      });
      const blob = readFileSync(`${image}.tree/blob`);
      const used = readFileSync(second);
      const at = used.indexOf(blob.subarray(5 * MIB, 5 * MIB + 100));
      turnByte(second, at);
      const found = await verify(MACS[1]);
      expect(found).toMatchObject({ state: "failed", error: { code: "damaged", sector: Math.floor(at / 512) } });
      expect(found?.error?.message).toContain("1 place (0.5 KiB) is damaged");
      expect(found?.error?.message).toContain("partition 2 (/blob)");
      const repaired = await verify(MACS[1], true);
      expect(repaired).toMatchObject({ state: "done" });
      expect(repaired?.note).toMatch(/^sdz: repaired: 1 place .* partition 2 \(\/blob\)/);
      expect(repaired?.progress.bytes.seed).toBeGreaterThan(0);
      expect(readFileSync(second).equals(used)).toBe(true);
      expect(await verify(MACS[1])).toMatchObject({ state: "done" });
    });

    test("finds damage in the boot code, in a partition without file system, and in both tables; the repair leaves the table fitted", async () => {
      const used = readFileSync(second);
      for (const at of [100, 512 + 60, 1024 + 40, MIB + 5]) turnByte(second, at);
      const found = await verify(MACS[1]);
      expect(found).toMatchObject({ state: "failed", error: { code: "damaged", sector: 0 } });
      expect(found?.error?.message).toContain("the partition table, partition 1");
      expect(await verify(MACS[1], true)).toMatchObject({ state: "done" });
      expect(readFileSync(second).equals(used)).toBe(true);
      turnByte(second, used.length - 512 + 60);
      expect(await verify(MACS[1], true)).toMatchObject({ state: "done" });
      expect(readFileSync(second).equals(used)).toBe(true);
    });

    test("of a file system that is not at rest is in doubt, which is no success, and not repaired", async () => {
      const used = readFileSync(first);
      // The superblock's state, and its checksum with it.
      turnByte(first, 2 * MIB + 1024 + 0x3a);
      const found = await verify(MACS[0], true);
      expect(found).toMatchObject({ state: "failed", error: { code: "damaged" } });
      expect(found?.error?.message).toContain("cannot be judged (ext: the superblock's checksum is wrong)");
      turnByte(first, 2 * MIB + 1024 + 0x3a);
      expect(readFileSync(first).equals(used)).toBe(true);
    });
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
