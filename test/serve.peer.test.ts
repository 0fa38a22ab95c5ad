import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk } from "@ingot/api";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ingot, run, ServerProcess } from "./server-process.ts";

// An address of its own on loopback, so that nothing else on this machine has the ports.
const PORTS = ["--http", "127.0.0.77:8470", "--boot-port", "18477", "--iscsi", "127.0.0.77:3260"];
const SIZE = 64 << 20;

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-serve-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An image whose first MiB is 7s, with data here and there and holes between. */
function makeImage(): string {
  const path = join(folder, "disk.img");
  writeFileSync(path, new Uint8Array(1 << 20).fill(7));
  truncateSync(path, SIZE);
  return path;
}

async function addImageAndMachine(...settings: string[]): Promise<void> {
  expect(await ingot("image", "add", "lab", makeImage(), "--data", data)).toMatchObject({ code: 0 });
  const added = await ingot(
    "machine",
    "add",
    "--name",
    "pc",
    "--mac",
    "52:54:00:00:00:01",
    "--plan",
    "diskless",
    "--image",
    "lab",
    ...settings,
    "--data",
    data,
  );
  expect(added).toMatchObject({ code: 0 });
}

async function showDisk(): Promise<Disk> {
  const shown = await ingot("disk", "show", "pc", "--json", "--data", data);
  expect(shown).toMatchObject({ code: 0 });
  return JSON.parse(shown.stdout) as Disk;
}

function urlOf(disk: Disk, login = ""): string {
  return `iscsi://${login}${disk.portal}/${disk.target}/${disk.lun}`;
}

async function qemuIo(url: string, ...commands: string[]): Promise<{ code: number; stdout: string }> {
  const end = await run("qemu-io", ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), url]);
  return { code: end.code, stdout: end.stdout + end.stderr };
}

describe("a machine's disk", () => {
  test("is listed and described to iscsi-ls and iscsi-inq, and read and written by QEMU", async () => {
    await addImageAndMachine("--mode", "persistent");
    await using server = await ServerProcess.start(data, ...PORTS);
    const disk = await showDisk();
    expect(disk).toMatchObject({
      portal: "127.0.0.77:3260",
      lun: 0,
      sizeBytes: SIZE,
      overlayBytes: 0,
      mode: "persistent",
      image: { name: "lab", version: 1 },
    });

    const listed = await run("iscsi-ls", ["-s", `iscsi://${disk.portal}`]);
    expect(listed.stdout).toContain(disk.target);
    const inquiry = await run("iscsi-inq", [urlOf(disk)]);
    expect(inquiry.stdout).toMatch(/Vendor:INGOT/i);

    const written = await qemuIo(
      urlOf(disk),
      "read -P 7 0 1M",
      "read -P 0 1M 1M",
      "write -P 9 512k 1M",
      "flush",
      "read -P 9 512k 1M",
      "read -P 7 0 512k",
    );
    expect(written).toMatchObject({ code: 0 });
    expect(written.stdout).not.toMatch(/verification failed/i);
    expect((await showDisk()).overlayBytes).toBeGreaterThanOrEqual(1 << 20);
    expect(await server.stop()).toBe(0);

    await using _again = await ServerProcess.start(data, ...PORTS);
    const kept = await qemuIo(urlOf(disk), "read -P 9 512k 1M");
    expect(kept.stdout).not.toMatch(/failed/i);
    expect(await ingot("disk", "reset", "pc", "--data", data)).toMatchObject({ code: 0 });
    expect((await showDisk()).overlayBytes).toBe(0);
    const reset = await qemuIo(urlOf(disk), "read -P 7 512k 512k", "read -P 0 1M 512k");
    expect(reset.stdout).not.toMatch(/failed/i);
  });

  test("gives discarded space back", async () => {
    await addImageAndMachine("--mode", "persistent");
    await using _server = await ServerProcess.start(data, ...PORTS);
    const disk = await showDisk();
    await qemuIo(urlOf(disk), "write -P 9 8M 16M", "flush");
    const before = (await showDisk()).overlayBytes;
    expect(before).toBeGreaterThanOrEqual(16 << 20);
    const discarded = await run("qemu-io", [
      "-f",
      "raw",
      "-d",
      "unmap",
      "-c",
      "discard 8M 16M",
      "-c",
      "flush",
      "-c",
      "read -P 0 8M 16M",
      urlOf(disk),
    ]);
    expect(discarded.stdout + discarded.stderr).not.toMatch(/failed/i);
    expect((await showDisk()).overlayBytes).toBeLessThan(before / 4);
  });

  test("that demands CHAP is closed to a wrong secret and to none", async () => {
    const secret = join(folder, "secret");
    writeFileSync(secret, "correct-horse-battery\n");
    await addImageAndMachine("--chap-user", "pc-user", "--chap-secret-file", secret);
    await using server = await ServerProcess.start(data, ...PORTS);
    const disk = await showDisk();
    expect(JSON.stringify(disk)).not.toContain("correct-horse");
    expect((await qemuIo(urlOf(disk, "pc-user%correct-horse-battery@"), "read -P 7 0 1M")).code).toBe(0);
    expect((await qemuIo(urlOf(disk, "pc-user%wrong-horse-battery@"), "read 0 512")).code).not.toBe(0);
    expect((await qemuIo(urlOf(disk), "read 0 512")).code).not.toBe(0);
    expect(server.stderr).not.toContain("correct-horse");
  });
});

test("an image added to a running server is the file, byte for byte, whatever lies in it", async () => {
  const path = join(folder, "mixed.img");
  const bytes = new Uint8Array(24 << 20);
  // Data of every length between holes, none of it alike.
  let state = 1;
  for (let at = 0; at < bytes.length; at += 4) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    if ((at >> 16) % 5 !== 0) new DataView(bytes.buffer).setUint32(at, state);
  }
  writeFileSync(path, bytes);
  await using _server = await ServerProcess.start(data, ...PORTS);
  expect(await ingot("image", "add", "mixed", path, "--data", data)).toMatchObject({ code: 0 });
  await ingot(
    "machine",
    "add",
    "--name",
    "pc",
    "--mac",
    "52:54:00:00:00:01",
    "--plan",
    "diskless",
    "--image",
    "mixed",
    "--data",
    data,
  );
  const compared = await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", path, urlOf(await showDisk())]);
  expect(compared.stdout).toContain("Images are identical");
});

test("commands work without a server, and what they did is there when it starts", async () => {
  await addImageAndMachine();
  await using server = await ServerProcess.start(data, ...PORTS);
  const status = await ingot("status", "--json", "--data", data);
  expect(JSON.parse(status.stdout)).toMatchObject({ running: true, counts: { machines: 1, images: 1 } });
  expect(server.notices.filter(({ event }) => event === "service").length).toBeGreaterThan(1);
});
