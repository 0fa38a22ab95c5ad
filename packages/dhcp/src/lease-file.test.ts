import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ip } from "../test/messages.ts";
import { LeaseFile } from "./lease-file.ts";
import { LEASE_LOG_HEADER } from "./lease-record.ts";
import type { Lease } from "./lease.ts";
import { LEASE_LOG_SLACK_RECORDS } from "./limits.ts";

function lease(number: number, expiresAtMs = 1): Lease {
  return { client: `c${number}`, address: ip(`10.0.${number >> 8}.${number & 255}`), expiresAtMs, hostName: "pc" };
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "ingot-leases-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function logWith(count: number): Promise<string> {
  const path = join(await directory(), "leases");
  await using log = await LeaseFile.open(path);
  for (let number = 0; number < count; number++) await log.save(lease(number));
  return path;
}

test("leases and deletions are there after closing and opening again", async () => {
  const path = await logWith(3);
  {
    await using log = await LeaseFile.open(path);
    await log.delete("c1");
    await log.save(lease(0, 9));
  }
  await using again = await LeaseFile.open(path);
  expect(again.damagedRecordCount).toBe(0);
  expect(await again.load()).toEqual([lease(2), lease(0, 9)]);
});

test("a record torn anywhere by a power cut costs itself only, and the log goes on cleanly", async () => {
  const path = await logWith(2);
  const whole = await readFile(path, "utf8");
  const lastLineAt = whole.lastIndexOf("\n", whole.length - 2) + 1;
  for (let length = lastLineAt + 1; length < whole.length; length++) {
    await writeFile(path, whole.slice(0, length));
    await using log = await LeaseFile.open(path);
    expect([log.damagedRecordCount, await log.load()]).toEqual([1, [lease(0)]]);
  }
  await using log = await LeaseFile.open(path);
  expect(log.damagedRecordCount).toBe(0);
});

test("blocks of zeros or noise at the end, as file systems leave them after a power cut, are dropped", async () => {
  const path = await logWith(2);
  await appendFile(path, Buffer.concat([Buffer.alloc(700), Buffer.from("\n\xff\xfe\n12345678 {}\n", "latin1")]));
  await using log = await LeaseFile.open(path);
  expect(await log.load()).toEqual([lease(0), lease(1)]);
  expect(log.damagedRecordCount).toBeGreaterThan(0);
});

test("a damaged record in the middle is counted and costs nobody else's lease", async () => {
  const path = await logWith(3);
  await writeFile(path, (await readFile(path, "utf8")).replace("c1", "c9"));
  await using log = await LeaseFile.open(path);
  expect([log.damagedRecordCount, await log.load()]).toEqual([1, [lease(0), lease(2)]]);
});

test.each([
  ["another file", "hello\n"],
  ["a later version", LEASE_LOG_HEADER.replace("1", "2")],
  ["an empty file", ""],
])("a file that is no lease log of this version is refused and left alone: %s", async (_name, content) => {
  const path = join(await directory(), "leases");
  await writeFile(path, content);
  await expect(LeaseFile.open(path)).rejects.toMatchObject({ name: "DhcpError", code: "lease-log-damaged" });
  expect(await readFile(path, "utf8")).toBe(content);
});

test("the log is rewritten when it holds far more records than leases", async () => {
  const path = await logWith(1);
  await using log = await LeaseFile.open(path);
  await Promise.all(Array.from({ length: LEASE_LOG_SLACK_RECORDS + 2 }, (_, i) => log.save(lease(0, i))));
  await log.save(lease(0, 1_000_000));
  expect((await readFile(path, "utf8")).split("\n").length).toBeLessThan(10);
  expect(await readdir(join(path, ".."))).toEqual(["leases"]);
});

test("a failed write is reported to whoever waits for it, and the next one heals the log", async () => {
  const path = await logWith(1);
  await using log = await LeaseFile.open(path);
  await Promise.all(Array.from({ length: LEASE_LOG_SLACK_RECORDS + 2 }, (_, i) => log.save(lease(0, i))));
  await rm(join(path, ".."), { recursive: true });
  await expect(log.save(lease(1))).rejects.toMatchObject({ code: "ENOENT" });
  await mkdir(join(path, ".."));
  await log.save(lease(2));
  await using again = await LeaseFile.open(path);
  expect((await again.load()).map(({ client }) => client)).toEqual(["c0", "c2"]);
});

test("after closing, nothing can be saved; closing twice is harmless", async () => {
  const log = await LeaseFile.open(await logWith(0));
  await log.close();
  await log.close();
  await expect(log.save(lease(1))).rejects.toMatchObject({ code: "lease-log-closed" });
});

test("a writer killed at any moment leaves every lease that it acknowledged", async () => {
  const path = join(await directory(), "leases");
  const acknowledged = new Set<string>();
  for (let round = 0; round < 3; round++) {
    const writer = spawn(process.execPath, [join(import.meta.dirname, "../test/lease-writer.ts"), path], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    const enough = Promise.withResolvers<void>();
    writer.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.split("\n").length > 20 * (round + 1)) enough.resolve();
    });
    await enough.promise;
    writer.kill("SIGKILL");
    await once(writer, "close");
    for (const number of output.split("\n").slice(0, -1)) acknowledged.add(`c${number}`);
    await using log = await LeaseFile.open(path);
    const found = new Set((await log.load()).map(({ client }) => client));
    expect([...acknowledged].filter((client) => !found.has(client))).toEqual([]);
  }
});
