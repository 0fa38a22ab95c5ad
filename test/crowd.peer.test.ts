import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { openSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, writeSync, closeSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk, Status } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ingot, run, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.78:8470", "--boot-port", "18478", "--iscsi", "127.0.0.78:3260"];
const SIZE = 32 << 20;

let folder: string;
let data: string;
let image: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-crowd-"));
  data = join(folder, "data");
  image = join(folder, "disk.img");
  writeFileSync(image, randomBytes(SIZE));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function post(server: ServerProcess, path: string, body: unknown): Promise<Response> {
  return fetch(`${server.url}/api/v1${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json" },
  });
}

async function diskOf(server: ServerProcess, machine: string): Promise<Disk> {
  return (await (await fetch(`${server.url}/api/v1/disks/${machine}`)).json()) as Disk;
}

async function addMachine(server: ServerProcess, number: number): Promise<string> {
  const name = `pc-${number}`;
  const mac = `52:54:00:00:01:${number.toString(16).padStart(2, "0")}`;
  const response = await post(server, "/machines", { name, macs: [mac], plan: "diskless", image: "lab" });
  expect(response.status).toBe(201);
  const disk = await diskOf(server, name);
  return `iscsi://${disk.portal}/${disk.target}/0`;
}

test("50 initiators read one image, each the right bytes, while two more images are added", async () => {
  await ingot("image", "add", "lab", image, "--data", data);
  await using server = await ServerProcess.start(data, ...PORTS);
  const urls = await Promise.all(Array.from({ length: 50 }, (_, i) => addMachine(server, i)));
  const others = [1, 2].map(async (number) => {
    const path = join(folder, `other-${number}.img`);
    writeFileSync(path, randomBytes(SIZE));
    return ingot("image", "add", `other-${number}`, path, "--data", data);
  });
  const compared = await Promise.all(
    urls.map((url) => run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, url])),
  );
  for (const { stdout, stderr } of compared) expect(stdout + stderr).toContain("Images are identical");
  for (const added of await Promise.all(others)) expect(added).toMatchObject({ code: 0 });
});

test("garbage on every port is counted, and the honest client between is served", async () => {
  await ingot("image", "add", "lab", image, "--data", data);
  await using server = await ServerProcess.start(data, ...PORTS, "--interface", "lo", "--dhcp", "proxy");
  const url = await addMachine(server, 1);
  const udp = createSocket("udp4");
  for (let round = 0; round < 200; round++) {
    for (const port of [67, 4011, 69]) udp.send(randomBytes(1 + round * 3), port, "127.0.0.1");
    const tcp = connect(3260, "127.0.0.78", () => tcp.end(randomBytes(48 + round)));
    tcp.on("error", () => undefined);
  }
  const compared = await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, url]);
  expect(compared.stdout).toContain("Images are identical");
  udp.close();
  const fetched = await run("curl", [
    "-sS",
    "tftp://127.0.0.1/undionly.kpxe",
    "--max-time",
    "20",
    "-o",
    join(folder, "undionly.kpxe"),
  ]);
  expect(fetched).toMatchObject({ code: 0 });
  expect(readFileSync(join(folder, "undionly.kpxe"))).toEqual(readFileSync("/usr/lib/ipxe/undionly.kpxe"));
  const status = (await (await fetch(`${server.url}/api/v1/status`)).json()) as Status;
  const proxy = status.services.find(({ name }) => name === "proxydhcp");
  expect(proxy?.detail).toMatch(/[1-9]\d* malformed/);
  expect(server.child.exitCode).toBeNull();
});

test("a damaged pack is named, gives an I/O error to who reads it and never wrong bytes, and the rest still works", async () => {
  const whole = join(folder, "whole.img");
  writeFileSync(whole, randomBytes(SIZE));
  await ingot("image", "add", "lab", image, "--data", data);
  const before = new Set(packs());
  await ingot("image", "add", "whole", whole, "--data", data);
  const [damaged = ""] = [...before];
  const fd = openSync(damaged, "r+");
  writeSync(fd, randomBytes(65_536), 0, 65_536, 1 << 20);
  closeSync(fd);

  await using server = await ServerProcess.start(data, ...PORTS);
  const url = await addMachine(server, 1);
  const read = await run("qemu-img", ["convert", "-f", "raw", "-O", "raw", url, join(folder, "copy.img")]);
  expect(read.code).not.toBe(0);
  expect(read.stderr).toMatch(/input\/output error|medium error/i);

  const verified = await ingot("image", "verify", "lab", "--data", data);
  expect(verified.code).toBe(5);
  expect(verified.stdout + verified.stderr).toContain(damaged.slice(-69, -5).slice(0, 12));
  expect(await ingot("image", "verify", "whole", "--data", data)).toMatchObject({ code: 0 });

  await post(server, "/machines", { name: "other", macs: ["52:54:00:00:02:01"], plan: "diskless", image: "whole" });
  const disk = await diskOf(server, "other");
  const compared = await run("qemu-img", [
    "compare",
    "-f",
    "raw",
    "-F",
    "raw",
    whole,
    `iscsi://${disk.portal}/${disk.target}/0`,
  ]);
  expect(compared.stdout).toContain("Images are identical");
});

function packs(): string[] {
  return readdirSync(join(data, "store", "packs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".pack"))
    .map((name) => join(data, "store", "packs", name));
}

test("a machine that nobody entered is refused when registration is closed, and the refusal is an event", async () => {
  await using server = await ServerProcess.start(data, ...PORTS, "--registration", "closed");
  const script = await (await fetch("http://127.0.0.1:18478/boot/script.ipxe?mac=52:54:00:00:00:09")).text();
  expect(script).toMatch(/^#!ipxe/);
  expect(script).toContain("registration is closed");
  expect(script).not.toContain("sanboot iscsi");
  const events = (await (await fetch(`${server.url}/api/v1/events`)).json()) as { items: { kind: string }[] };
  expect(events.items.map(({ kind }) => kind)).toContain("machine.refused");
});

test("a full disk while an image is added leaves the library as it was", async () => {
  const small = join(folder, "small");
  await run("mkdir", ["-p", small]);
  expect(await run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", small])).toMatchObject({ code: 0 });
  try {
    const end = await ingot("image", "add", "lab", image, "--data", join(small, "data"));
    expect(end.code).toBe(3);
    expect(end.stderr).toMatch(/no space|full/i);
    expect((await ingot("image", "list", "--json", "--data", join(small, "data"))).stdout.trim()).toBe("[]");
    const little = join(folder, "little.img");
    writeFileSync(little, randomBytes(1 << 20));
    expect(await ingot("image", "add", "little", little, "--data", join(small, "data"))).toMatchObject({ code: 0 });
  } finally {
    await run("umount", [small]);
  }
});

test("a server started by root becomes another user, and what it writes belongs to them", async () => {
  const nobody = await run("id", ["-u", "nobody"]);
  await run("chmod", ["755", folder]);
  await using server = await ServerProcess.start(data, ...PORTS, "--user", "nobody");
  const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  expect(status).toMatch(
    new RegExp(`^Uid:\\s+${nobody.stdout.trim()}\\s+${nobody.stdout.trim()}\\s+${nobody.stdout.trim()}`, "m"),
  );
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  const owners = await run("find", [data, "!", "-user", "nobody", "!", "-name", "lock"]);
  expect(owners.stdout.trim()).toBe("");
});
