import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { randomBytes } from "../packages/chunks/src/testing/images.ts";
import { ServerApi } from "./server-api.ts";
import { ingot, ServerProcess } from "./server-process.ts";

const ADDRESS = "127.0.0.90";
const BOOT_PORT = "18490";
const PORTS = ["--http", `${ADDRESS}:8470`, "--boot-port", BOOT_PORT, "--iscsi", `${ADDRESS}:3260`];
const MIB = 2 ** 20;
const SIZE = 64 * MIB;
/** What a boot reads: the partition table, then places all over the disk. */
const BOOT = [0, 40, 3, 57, 22, 23, 11, 60, 35].map((mib) => mib * MIB);

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-boot-trace-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A machine that is QEMU's iSCSI initiator: reads at these offsets, one after the other, then stays logged in. */
class Machine {
  readonly #child;
  #output = "";
  #readCount = 0;

  constructor(url: string) {
    // Without stdbuf it would keep lines in its buffer.
    const program = ["-i0", "-oL", "qemu-io", "-f", "raw", "-t", "none", "-r", url];
    this.#child = spawn("stdbuf", program, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  async read(offsets: readonly number[]): Promise<void> {
    this.#readCount += offsets.length;
    for (const offset of offsets) this.#child.stdin.write(`read ${offset} 4096\n`);
    await expect
      .poll(() => this.#output.match(/read 4096\/4096/g)?.length ?? 0, { timeout: 20_000 })
      .toBe(this.#readCount);
  }

  async end(): Promise<void> {
    const closed = once(this.#child, "close");
    this.#child.stdin.end("quit\n");
    await closed;
  }
}

async function boot(url: string, number: number): Promise<void> {
  const machine = new Machine(url);
  await machine.read(BOOT);
  const mac = `52:54:00:00:01:0${number}`;
  const report = await fetch(`http://127.0.0.1:${BOOT_PORT}/boot/report?mac=${mac}`, {
    method: "POST",
    body: "{}",
    headers: { "content-type": "application/json" },
  });
  expect(report.status).toBe(200);
  // Its end is noted within a second, while the machine goes on.
  await expect.poll(() => traces().length, { timeout: 5000 }).toBe(1);
  await machine.end();
}

function traces(): string[] {
  return readdirSync(join(data, "traces"));
}

/** What the replicas' files take up, in bytes. */
function replicaBytes(): number {
  const directory = join(data, "replicas");
  return readdirSync(directory)
    .map((name) => join(directory, name, "backing"))
    .filter((path) => existsSync(path))
    .reduce((sum, path) => sum + statSync(path).blocks * 512, 0);
}

test("what one machine read while it booted is there when the next one logs in; a damaged trace is told of and made anew", async () => {
  const image = join(folder, "disk.img");
  writeFileSync(image, randomBytes(SIZE, 1));
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  let first = "";
  let second = "";
  let bootBytes = 0;
  {
    await using server = await ServerProcess.start(data, ...PORTS);
    const api = new ServerApi(server);
    first = await api.addMachine(1, { image: "lab", mode: "reset" });
    second = await api.addMachine(2, { image: "lab", mode: "reset" });
    await boot(first, 1);
    bootBytes = replicaBytes();
  }
  const [trace = ""] = traces();
  const traceFile = join(data, "traces", trace);
  const entries = readFileSync(traceFile).readUInt32BE(52);
  expect(entries).toBe(BOOT.length);

  rmSync(join(data, "replicas"), { recursive: true });
  {
    await using _server = await ServerProcess.start(data, ...PORTS);
    const machine = new Machine(second);
    await machine.read([0]);
    await expect.poll(replicaBytes, { timeout: 10_000 }).toBeGreaterThanOrEqual(bootBytes * 0.9);
    // Nothing but the trace: neighbours that were fetched ahead of the first machine at most are missing.
    expect(replicaBytes()).toBeLessThanOrEqual(bootBytes);
    await machine.end();
  }

  writeFileSync(traceFile, "no trace");
  {
    await using server = await ServerProcess.start(data, ...PORTS);
    await boot(first, 1);
    await expect.poll(() => readFileSync(traceFile).length).toBe(60 + 4 * BOOT.length);
    expect(server.stderr + JSON.stringify(server.notices)).toContain("boot trace");
    await server.stop();
  }
  expect(await ingot("machine", "remove", "pc-1", "--data", data)).toMatchObject({ code: 0 });
  expect(await ingot("machine", "remove", "pc-2", "--data", data)).toMatchObject({ code: 0 });
  expect(await ingot("image", "remove", "lab", "--data", data)).toMatchObject({ code: 0 });
  expect(traces()).toEqual([]);
}, 120_000);
