import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { serve } from "@hono/node-server";
import type { ServerType } from "@hono/node-server";
import { findTool } from "@ingot/testkit/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BootFiles, BOOT_PROGRAMS, defaultBootFileDirectories } from "../src/boot-files/index.ts";

const run = promisify(execFile);
const content = randomBytes(3_000_017);
let directory: string;
let server: ServerType;
let base: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ingot-boot-files-"));
  await writeFile(join(directory, "initrd.img"), content);
  const files = new BootFiles(defaultBootFileDirectories(directory));
  server = serve({ fetch: files.fetch, hostname: "127.0.0.1", port: 0 });
  const { port } = await new Promise<AddressInfo>((resolve) => {
    server.once("listening", () => resolve(server.address() as AddressInfo));
  });
  base = `http://127.0.0.1:${port}/boot/files`;
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run("curl", ["--silent", "--show-error", "--max-time", "30", ...args]);
  return stdout;
}

// In CI a missing client fails the tests instead of skipping them.
const skipped = findTool("curl") === undefined && process.env["CI"] === undefined;

describe.skipIf(skipped)(skipped ? "curl (skipped: apt-get install curl)" : "curl", () => {
  test("downloads a file with its length and without chunks", async () => {
    const path = join(directory, "downloaded");
    const headers = await curl("--dump-header", "-", "--output", path, `${base}/initrd.img`);
    expect(await readFile(path)).toEqual(content);
    expect(headers).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(headers.toLowerCase()).toContain(`\r\ncontent-length: ${content.length}\r\n`);
    expect(headers.toLowerCase()).not.toContain("transfer-encoding");
  });

  test("--head learns the length", async () => {
    const headers = await curl("--head", `${base}/initrd.img`);
    expect(headers.toLowerCase()).toContain(`\r\ncontent-length: ${content.length}\r\n`);
    expect(headers.toLowerCase()).not.toContain("transfer-encoding");
  });

  test("resumes where an earlier download broke off", async () => {
    const path = join(directory, "resumed");
    await writeFile(path, content);
    await truncate(path, 1_234_567);
    const headers = await curl("--dump-header", "-", "--continue-at", "-", "--output", path, `${base}/initrd.img`);
    expect(headers).toMatch(/^HTTP\/1.1 206 /);
    expect(
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ).toBe(createHash("sha256").update(content).digest("hex"));
  });

  test.each(["0-0", "100-299", "2999000-", "-17"])("--range %s", async (range) => {
    const path = join(directory, "range");
    await curl("--fail", "--range", range, "--output", path, `${base}/initrd.img`);
    const [first = "", last = ""] = range.split("-");
    const expected =
      first === ""
        ? content.subarray(-Number(last))
        : content.subarray(Number(first), last === "" ? undefined : Number(last) + 1);
    expect(await readFile(path)).toEqual(expected);
  });

  test("keeps one connection for HEAD, GET, an error and a range", async () => {
    const format = ["--silent", "--write-out", "%{http_code} %{num_connects}\n", "--output", "/dev/null"];
    const url = `${base}/initrd.img`;
    const requests = [["--head", url], [url], [`${base}/nope`], ["--range", "9999999-", url], ["--range", "5-9", url]];
    const output = await curl(...requests.flatMap((args) => ["--next", ...format, ...args]));
    expect(output).toBe("200 1\n200 0\n404 0\n416 0\n206 0\n");
  });

  test("--etag-compare downloads an unchanged file only once", async () => {
    const etag = join(directory, "etag");
    await curl("--etag-save", etag, "--output", "/dev/null", `${base}/initrd.img`);
    const format = ["--write-out", "%{http_code} %{size_download}", "--output", "/dev/null"];
    expect(await curl("--etag-compare", etag, ...format, `${base}/initrd.img`)).toBe("304 0");
  });

  test("--path-as-is cannot leave the directories", async () => {
    for (const name of ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd"]) {
      const code = await curl(
        "--path-as-is",
        "--write-out",
        "%{http_code}",
        "--output",
        "/dev/null",
        `${base}/${name}`,
      );
      expect(code, name).toBe("404");
    }
  });

  test("a client that hangs up in the middle does no harm to the next one", async () => {
    await new Promise<void>((resolve, reject) => {
      const broken = request(`${base}/initrd.img`, (response) => {
        response.once("data", () => {
          broken.destroy();
          resolve();
        });
      });
      broken.once("error", reject);
      broken.end();
    });
    const size = await curl("--write-out", "%{size_download}", "--output", "/dev/null", `${base}/initrd.img`);
    expect(size).toBe(String(content.length));
  });

  test("Debian's boot programs come through whole", async () => {
    for (const name of BOOT_PROGRAMS) {
      const path = join(directory, "program");
      await curl("--fail", "--output", path, `${base}/${name}`);
      expect(await readFile(path), name).toEqual(await readFile(join("/usr/lib/ipxe", name)));
    }
  });
});
