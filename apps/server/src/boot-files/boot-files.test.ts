import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BootFiles } from "./boot-files.ts";

const content = Uint8Array.from({ length: 700_001 }, (_unused, index) => (index * 7) % 251);
let root: string;
let files: BootFiles;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "ingot-boot-files-"));
  for (const directory of ["own", "debian", "linked", "elsewhere"]) {
    await mkdir(join(root, directory));
  }
  await writeFile(join(root, "debian", "snponly.efi"), content);
  await writeFile(join(root, "elsewhere", "secret"), "secret");
  files = new BootFiles([
    { path: join(root, "own"), linksInto: [] },
    { path: join(root, "debian"), linksInto: [join(root, "linked")] },
  ]);
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

function get(name: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return files.fetch(new Request(`http://10.0.0.1:8471/boot/files/${name}`, { method, headers }));
}

async function textOf(name: string): Promise<string | undefined> {
  const file = await files.open(name);
  if (file === undefined) {
    return undefined;
  }
  const bytes = new Uint8Array(file.sizeBytes);
  await file.read(0, bytes);
  await file.close();
  return new TextDecoder().decode(bytes);
}

/** Descriptors that this process holds on files below the test's directory. */
async function openDescriptors(): Promise<number> {
  const links = await readdir("/proc/self/fd");
  // The descriptor that listed the directory is closed by now: what cannot be read any more is not counted.
  const targets = await Promise.all(links.map((link) => readlink(`/proc/self/fd/${link}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(root)).length;
}

test("the operator's file wins over Debian's from the next request on", async () => {
  await writeFile(join(root, "debian", "undionly.kpxe"), "debian");
  expect(await textOf("undionly.kpxe")).toBe("debian");
  await writeFile(join(root, "own", "undionly.kpxe.new"), "own");
  await rename(join(root, "own", "undionly.kpxe.new"), join(root, "own", "undionly.kpxe"));
  expect(await textOf("undionly.kpxe")).toBe("own");
});

test("a file may lie in a folder, and no deeper", async () => {
  await mkdir(join(root, "own", "agent", "deep"), { recursive: true });
  await writeFile(join(root, "own", "agent", "vmlinuz"), "kernel");
  await writeFile(join(root, "own", "agent", "deep", "file"), "x");
  expect(await textOf("agent/vmlinuz")).toBe("kernel");
  expect(await (await get("agent/vmlinuz")).text()).toBe("kernel");
  for (const name of ["agent", "agent/", "agent/deep/file", "agent/../agent/vmlinuz", "agent//vmlinuz"]) {
    expect(await files.open(name), name).toBeUndefined();
  }
});

test("boot programs that no directory has are named", async () => {
  expect(await files.missingPrograms()).toEqual(["undionly.kpxe", "ipxe.lkrn", "ipxe.efi"]);
});

test.each([
  "../elsewhere/secret",
  "..",
  ".",
  "",
  "own/../x",
  "/etc/passwd",
  ".hidden",
  "a\0b",
  "a\\b",
  "x".repeat(129),
])("the name %j opens nothing", async (name) => {
  await writeFile(join(root, "own", ".hidden"), "hidden");
  expect(await files.open(name)).toBeUndefined();
});

test("links are followed into the directories that are named, and nowhere else", async () => {
  await writeFile(join(root, "linked", "ipxe.efi"), "package");
  await symlink(join(root, "linked", "ipxe.efi"), join(root, "debian", "ipxe.efi"));
  await symlink(join(root, "elsewhere", "secret"), join(root, "debian", "secret"));
  await symlink(join(root, "linked", "ipxe.efi"), join(root, "own", "from-own"));
  await symlink("snponly.efi", join(root, "debian", "within"));
  await symlink("loop", join(root, "own", "loop"));
  await symlink("nowhere", join(root, "own", "dangling"));
  expect(await textOf("ipxe.efi")).toBe("package");
  expect((await textOf("within"))?.length).toBe(content.length);
  for (const name of ["secret", "from-own", "loop", "dangling"]) {
    expect(await files.open(name), name).toBeUndefined();
  }
});

test("a directory beside, whose name begins alike, is elsewhere", async () => {
  await mkdir(join(root, "own-too"));
  await writeFile(join(root, "own-too", "file"), "x");
  await symlink(join(root, "own-too", "file"), join(root, "own", "file"));
  expect(await files.open("file")).toBeUndefined();
});

test("what is no regular file is not served, and does not hold the server up", async () => {
  await mkdir(join(root, "own", "directory"));
  execFileSync("mkfifo", [join(root, "own", "fifo")]);
  expect(await files.open("directory")).toBeUndefined();
  expect(await files.open("fifo")).toBeUndefined();
  expect(await openDescriptors()).toBe(0);
});

test("a file that has become shorter fails instead of giving other bytes", async () => {
  const path = join(root, "own", "file");
  await writeFile(path, "0123456789");
  const file = await files.open("file");
  await writeFile(path, "01234");
  await expect(file?.read(0, new Uint8Array(10))).rejects.toThrow("ends at 5, expected 10 bytes");
  await file?.close();
  await file?.close();
});

test("GET gives the whole file with its length, and lets go of it", async () => {
  const response = await get("snponly.efi");
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toEqual({
    "accept-ranges": "bytes",
    "content-length": "700001",
    "content-type": "application/efi",
    etag: response.headers.get("ETag"),
  });
  expect(await response.bytes()).toEqual(content);
  expect(await openDescriptors()).toBe(0);
});

test("HEAD gives the same headers and no body", async () => {
  const whole = await get("snponly.efi");
  const head = await get("snponly.efi", {}, "HEAD");
  expect(head.status).toBe(200);
  expect([...head.headers]).toEqual([...whole.headers]);
  expect(head.body).toBeNull();
  await whole.body?.cancel();
  expect(await openDescriptors()).toBe(0);
});

test("a range gives those bytes and says which they are", async () => {
  const response = await get("snponly.efi", { Range: "bytes=300000-699999" });
  expect(response.status).toBe(206);
  expect(response.headers.get("Content-Range")).toBe("bytes 300000-699999/700001");
  expect(response.headers.get("Content-Length")).toBe("400000");
  expect(await response.bytes()).toEqual(content.subarray(300_000, 700_000));
});

test("a range behind the end is refused with the size", async () => {
  const response = await get("snponly.efi", { Range: "bytes=700001-" });
  expect(response.status).toBe(416);
  expect(response.headers.get("Content-Range")).toBe("bytes */700001");
  expect(response.headers.get("Content-Length")).toBe(String((await response.bytes()).length));
});

test("several ranges, and a range with HEAD, are ignored", async () => {
  const several = await get("snponly.efi", { Range: "bytes=0-1,4-5" });
  expect(several.status).toBe(200);
  await several.body?.cancel();
  const head = await get("snponly.efi", { Range: "bytes=0-1" }, "HEAD");
  expect([head.status, head.headers.get("Content-Length")]).toEqual([200, "700001"]);
});

test("If-Range gives the rest of the same file, and the whole of another", async () => {
  const etag = (await get("snponly.efi", {}, "HEAD")).headers.get("ETag") ?? "";
  const same = await get("snponly.efi", { Range: "bytes=700000-", "If-Range": etag });
  expect([same.status, (await same.bytes()).length]).toEqual([206, 1]);
  for (const condition of ['"other"', `W/${etag}`, "Sun, 22 Nov 2026 03:05:17 GMT"]) {
    const other = await get("snponly.efi", { Range: "bytes=700000-", "If-Range": condition });
    expect(other.status, condition).toBe(200);
    await other.body?.cancel();
  }
});

test("If-None-Match is 304 until the file is replaced", async () => {
  const etag = (await get("snponly.efi", {}, "HEAD")).headers.get("ETag") ?? "";
  for (const condition of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const unchanged = await get("snponly.efi", { "If-None-Match": condition });
    expect([unchanged.status, unchanged.body, unchanged.headers.get("ETag")]).toEqual([304, null, etag]);
  }
  await writeFile(join(root, "own", "snponly.efi"), content);
  const replaced = await get("snponly.efi", { "If-None-Match": etag }, "HEAD");
  expect(replaced.status).toBe(200);
  expect(await openDescriptors()).toBe(0);
});

test("an empty file has a length of 0", async () => {
  await writeFile(join(root, "own", "empty"), "");
  const response = await get("empty");
  expect([response.status, response.headers.get("Content-Length")]).toEqual([200, "0"]);
  expect((await response.bytes()).length).toBe(0);
});

test.each(["nope", "..%2felsewhere%2fsecret", "%2e%2e/elsewhere/secret", "a/b", "", "%00", "%zz"])(
  "%j is not found",
  async (name) => {
    const response = await get(name);
    expect(response.status).toBe(404);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ error: { code: "notFound" } });
    expect(response.headers.get("Content-Length")).toBe(String(body.length));
    const head = await get(name, {}, "HEAD");
    expect([head.status, head.body]).toEqual([404, null]);
  },
);

test("other methods are refused", async () => {
  const response = await get("snponly.efi", {}, "DELETE");
  expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
});

test("a body that is not read to its end lets go of the file", async () => {
  const response = await get("snponly.efi");
  const reader = response.body?.getReader();
  await reader?.read();
  expect(await openDescriptors()).toBe(1);
  await reader?.cancel();
  expect(await openDescriptors()).toBe(0);
});

test("a file that shrinks under a download cuts the body", async () => {
  const path = join(root, "own", "file");
  await writeFile(path, content);
  const response = await get("file");
  await writeFile(path, "short");
  await expect(response.bytes()).rejects.toThrow("ends at 5");
  expect(await openDescriptors()).toBe(0);
});
