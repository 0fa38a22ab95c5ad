import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
import { INGOT, ingot, run, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.81:8470", "--boot-port", "18481", "--iscsi", "127.0.0.81:3260"];

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-refuse-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command that must fail with one line; status and line. */
async function refusal(...argumentList: string[]): Promise<string> {
  const end = await ingot(...argumentList, "--data", data);
  expect(end.code, end.stdout).not.toBe(0);
  expect(end.stderr.trim().split("\n").length, end.stderr).toBe(1);
  return `${end.code} ${end.stderr}`;
}

async function imageList(): Promise<string> {
  return (await ingot("image", "list", "--json", "--data", data)).stdout.trim();
}

function file(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Every file of the library that holds chunks or says where they are, sorted. */
function storedFiles(): string[] {
  return readdirSync(join(data, "store"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(pack|index|manifest)$/.test(name))
    .sort();
}

describe("a file that cannot be an image leaves no image behind", () => {
  test.each([
    ["missing", () => join(folder, "missing.img"), /^3 .*missing\.img.*no such/i],
    ["a directory", () => folder, /^3 .*directory/i],
    ["empty", () => file("empty.img", new Uint8Array(0)), /^3 .*empty/i],
    [
      "not a multiple of 512",
      () => file("odd.img", new Uint8Array(1000).fill(1)),
      /^3 .*(multiple of 512|whole sectors)/i,
    ],
  ])("a file that is %s", async (_name, path, message) => {
    expect(await refusal("image", "add", "lab", path())).toMatch(message);
    expect(await imageList()).toBe("[]");
  });

  test.each([
    ["grows", (path: string) => appendFileSync(path, new Uint8Array(512))],
    ["shrinks", (path: string) => truncateSync(path, 512)],
    ["is written anew", (path: string) => utimesSync(path, new Date(), new Date())],
    ["is removed", (path: string) => rmSync(path)],
  ])("a file that %s while it is read", async (_name, change) => {
    expect(await ingot("image", "add", "lab", file("lab.img", randomBytes(1 << 20)), "--data", data)).toMatchObject({
      code: 0,
    });
    const before = { images: await imageList(), files: storedFiles() };
    const path = file("changing.img", randomBytes(192 << 20));
    const [program, ...argumentList] = INGOT;
    const adding = spawn(program, [...argumentList, "image", "add", "changing", path, "--data", data], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    adding.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = once(adding, "close");
    // The first new pack shows that the reading is under way; packs have 4 MiB.
    while (storedFiles().length === before.files.length && adding.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 2));
    expect(adding.exitCode).toBeNull();
    change(path);
    expect((await ended)[0]).toBe(3);
    expect(stderr.trim().split("\n"), stderr).toHaveLength(1);
    expect(stderr).toMatch(/changing\.img.*changed while/);
    expect(await imageList()).toBe(before.images);
    expect(await ingot("image", "verify", "lab", "--data", data)).toMatchObject({ code: 0 });
    expect(storedFiles()).toEqual(before.files);
  });

  test("a full disk leaves the library as it was", async () => {
    const small = join(folder, "small");
    await run("mkdir", ["-p", small]);
    expect(await run("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", small])).toMatchObject({ code: 0 });
    try {
      data = join(small, "data");
      const large = file("large.img", randomBytes(32 << 20));
      expect(await refusal("image", "add", "lab", large)).toMatch(/^3 .*(no space|full)/i);
      expect(await imageList()).toBe("[]");
      const little = file("little.img", randomBytes(1 << 20));
      expect(await ingot("image", "add", "little", little, "--data", data)).toMatchObject({ code: 0 });
    } finally {
      await run("umount", [small]);
    }
  });

  test("an image name with a path in it", async () => {
    const path = file("disk.img", new Uint8Array(4096).fill(7));
    expect(await refusal("image", "add", "../../etc/passwd", path)).toMatch(/^2 .*image name/);
    expect(await imageList()).toBe("[]");
  });
});

describe("what is in use or taken is named", () => {
  test("removing an image in use names who uses it", async () => {
    const path = file("disk.img", new Uint8Array(4096).fill(7));
    expect(await ingot("image", "add", "lab", path, "--data", data)).toMatchObject({ code: 0 });
    await using server = await ServerProcess.start(data, ...PORTS);
    await new ServerApi(server).addMachine(1, { image: "lab" });
    expect(await refusal("image", "remove", "lab")).toMatch(/^4 .*pc-1/);
    expect(await imageList()).toContain('"lab"');
  });

  test("a second server on the same data directory", async () => {
    await using server = await ServerProcess.start(data, ...PORTS);
    expect(await refusal("serve", "--user", "root", "--http", "127.0.0.1:0")).toMatch(
      new RegExp(`^3 .*in use.*${server.child.pid}`),
    );
  });

  test.each([
    ["--http", ["--http", "127.0.0.81:8470", "--boot-port", "18499", "--iscsi", "127.0.0.82:3260"], "127.0.0.81:8470"],
    [
      "--boot-port",
      ["--http", "127.0.0.82:8470", "--boot-port", "18481", "--iscsi", "127.0.0.82:3260"],
      "127.0.0.1:18481",
    ],
    ["--iscsi", ["--http", "127.0.0.82:8470", "--boot-port", "18499", "--iscsi", "127.0.0.81:3260"], "127.0.0.81:3260"],
  ])("the port of %s in use by another server", async (option, ports, address) => {
    await using _server = await ServerProcess.start(data, ...PORTS);
    const other = join(folder, "other");
    const end = await ingot("serve", "--data", other, "--user", "root", ...ports);
    expect(end.code).toBe(3);
    expect(end.stderr.trim().split("\n"), end.stderr).toHaveLength(1);
    expect(end.stderr).toContain(`${address} is in use`);
    expect(end.stderr).toContain(option);
  });
});

test("a machine that nobody entered is refused when registration is closed, and the refusal is an event", async () => {
  await using server = await ServerProcess.start(data, ...PORTS, "--registration", "closed");
  const url = "http://127.0.0.1:18481/boot/script.ipxe?mac=52:54:00:00:00:09";
  const script = await run("curl", ["-sSf", url]);
  expect(script).toMatchObject({ code: 0 });
  expect(script.stdout).toMatch(/^#!ipxe/);
  expect(script.stdout).toContain("registration is closed");
  expect(script.stdout).not.toContain("sanboot iscsi");
  const api = new ServerApi(server);
  expect((await api.events()).map(({ kind }) => kind)).toContain("machine.refused");
  expect((await api.status()).counts.machines).toBe(0);
});
