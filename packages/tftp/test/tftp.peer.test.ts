import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findTool } from "@ingot/testkit/lab";
import { LinkPlan, openUdpRelay } from "@ingot/testkit/link";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTftpServer } from "../src/index.ts";
import type { TftpFile, TftpLimits, TftpServer, TftpServerEvent } from "../src/index.ts";

const run = promisify(execFile);
const packageOf: Readonly<Record<string, string>> = { tftp: "tftp-hpa", atftp: "atftp", curl: "curl" };

/** In CI a missing client fails the tests instead of skipping them. */
function isSkipped(tool: string): boolean {
  return findTool(tool) === undefined && process.env["CI"] === undefined;
}

function titleOf(tool: string): string {
  return isSkipped(tool) ? `${tool} (skipped: apt-get install ${packageOf[tool]})` : tool;
}

/** 33 MiB and a bit: more than 65535 blocks of 512 bytes, so that block numbers wrap. */
const LARGE_BYTES = 33 * 1_048_576 + 3 * 512 + 7;
const SMALL_SIZES = [1, 511, 512, 513, 1024, 65_536, 100_000];
const contents: ReadonlyMap<string, Uint8Array> = new Map(
  [0, ...SMALL_SIZES, LARGE_BYTES].map((size) => [`file-${size}`, randomBytes(size)]),
);

let directory: string;
let server: TftpServer;
let events: TftpServerEvent[];

async function open(name: string): Promise<TftpFile | undefined> {
  const content = contents.get(name);
  return content === undefined
    ? undefined
    : {
        sizeBytes: content.length,
        read: async (offset, into) => {
          await Promise.resolve();
          into.set(content.subarray(offset, offset + into.length));
        },
        close: () => undefined,
      };
}

async function startServer(limits: Partial<TftpLimits> = {}): Promise<void> {
  await server?.close();
  const onEvent = (event: TftpServerEvent): void => {
    events.push(event);
  };
  server = await openTftpServer({ files: { open }, address: "127.0.0.1", port: 0, limits, onEvent });
}

beforeEach(async () => {
  events = [];
  directory = await mkdtemp(join(tmpdir(), "ingot-tftp-"));
  await startServer();
});

afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

async function expectDownloaded(size: number): Promise<void> {
  const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  expect(digest(await readFile(join(directory, "got")))).toBe(digest(contents.get(`file-${size}`) ?? new Uint8Array()));
  await expect.poll(() => events.at(-1)).toMatchObject({ kind: "completed", bytes: size });
}

interface Outcome {
  readonly exitCode: number;
  readonly output: string;
}

async function client(tool: string, args: readonly string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run(tool, args, { cwd: directory, timeout: 100_000 });
    return { exitCode: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") {
      throw error;
    }
    return { exitCode: code, output: stdout + stderr };
  }
}

describe.skipIf(isSkipped("tftp"))(titleOf("tftp"), () => {
  const tftp = (...command: string[]): Promise<Outcome> =>
    client("tftp", [...command.slice(0, -3), "127.0.0.1", String(server.port), "-c", ...command.slice(-3)]);

  test.each([0, ...SMALL_SIZES])("gets %d bytes", async (size) => {
    await tftp("-m", "binary", "get", `file-${size}`, "got");
    await expectDownloaded(size);
  });

  test("gets more than 65535 blocks", async () => {
    await tftp("-m", "binary", "get", `file-${LARGE_BYTES}`, "got");
    await expectDownloaded(LARGE_BYTES);
  });

  test("is told that netascii, its default, is not served", async () => {
    const { output } = await tftp("get", "file-1", "got");
    expect(output).toContain("Only octet (binary) mode is served");
  });

  test("is told that there is no such file, and that paths lead nowhere", async () => {
    expect((await tftp("-m", "binary", "get", "nope", "got")).output).toContain("File not found");
    expect((await tftp("-m", "binary", "get", "../../etc/passwd", "got")).output).toContain("Error code 2");
  });

  test("may not write", async () => {
    await client("cp", ["/etc/hostname", "local"]);
    expect((await tftp("-m", "binary", "put", "local", "file-1")).output).toContain("Error code 2");
  });
});

describe.skipIf(isSkipped("atftp"))(titleOf("atftp"), () => {
  const atftp = (size: number, ...options: string[]): Promise<Outcome> => {
    const names = ["--get", "--remote-file", `file-${size}`, "--local-file", "got"];
    const where = ["127.0.0.1", String(server.port)];
    return client("atftp", [...options.flatMap((option) => ["--option", option]), ...names, ...where]);
  };

  test.each([0, ...SMALL_SIZES])("gets %d bytes with every option at once", async (size) => {
    await atftp(size, "blksize 1024", "tsize 0", "timeout 3", "windowsize 8");
    await expectDownloaded(size);
    expect(events[0]).toMatchObject({ kind: "requested", blksize: 1024, windowsize: 8 });
  });

  test.each(["blksize 8", "blksize 1468", "tsize 0", "timeout 1", "windowsize 2", "windowsize 64"])(
    "gets a file with %s alone",
    async (option) => {
      await atftp(65_536, option);
      await expectDownloaded(65_536);
    },
  );

  test("gets more than 65535 blocks in windows", async () => {
    await atftp(LARGE_BYTES, "windowsize 16");
    await expectDownloaded(LARGE_BYTES);
  });

  test("is granted a smaller block and window than it asks for", async () => {
    await atftp(100_000, "blksize 65464", "windowsize 1000");
    await expectDownloaded(100_000);
    expect(events[0]).toMatchObject({ kind: "requested", blksize: 1468, windowsize: 64 });
  });
});

describe.skipIf(isSkipped("curl"))(titleOf("curl"), () => {
  const curl = (size: number, options: readonly string[] = [], port = server.port): Promise<Outcome> =>
    client("curl", ["-sS", "-m", "90", ...options, "-o", "got", `tftp://127.0.0.1:${port}/file-${size}`]);

  test.each(SMALL_SIZES)("gets %d bytes", async (size) => {
    await startServer({ maxBlksize: 65_464 });
    for (const blksize of [8, 512, 1468, 65_464]) {
      await curl(size, ["--tftp-blksize", String(blksize)]);
      await expectDownloaded(size);
      expect(events.at(-2)).toMatchObject({ kind: "requested", blksize });
    }
  });

  // With options curl takes a tsize of 0, which is the right answer here, for an invalid one.
  test("gets an empty file without options", async () => {
    await curl(0, ["--tftp-no-options"]);
    await expectDownloaded(0);
  });

  test("is granted a smaller block than it asks for", async () => {
    await curl(100_000, ["--tftp-blksize", "65464"]);
    await expectDownloaded(100_000);
    expect(events[0]).toMatchObject({ kind: "requested", blksize: 1468 });
  });

  test("gets a large file in large blocks", async () => {
    await startServer({ maxBlksize: 65_464 });
    await curl(LARGE_BYTES, ["--tftp-blksize", "65464"]);
    await expectDownloaded(LARGE_BYTES);
  });

  test("tells a missing file by its exit code 68", async () => {
    expect((await curl(7)).exitCode).toBe(68);
  });

  test("gets twenty files at once", async () => {
    await startServer({ maxTransfersPerClient: 20 });
    const url = `tftp://127.0.0.1:${server.port}/file-100000`;
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_unused, index) => client("curl", ["-sS", "-m", "60", "-o", `got-${index}`, url])),
    );
    expect(outcomes.map(({ exitCode }) => exitCode)).toEqual(outcomes.map(() => 0));
    for (const index of outcomes.keys()) {
      expect(await readFile(join(directory, `got-${index}`))).toEqual(contents.get("file-100000"));
    }
    await expect.poll(() => server.counts()).toMatchObject({ completed: 20, failed: 0 });
  });

  test("gets its file through a link that drops, doubles and reorders", async () => {
    const conditions = { dropRate: 0.02, duplicateRate: 0.05, reorderRate: 0.05 };
    const toServer = new LinkPlan({ ...conditions, seed: 350 });
    const toClient = new LinkPlan({ ...conditions, seed: 1350 });
    const target = { address: "127.0.0.1", port: server.port };
    const relay = await openUdpRelay({ target, toServer, toClient });
    const { exitCode } = await curl(100_000, ["--tftp-blksize", "1468"], relay.endpoint.port);
    expect(exitCode, `${toServer.toString()}, ${toClient.toString()}`).toBe(0);
    expect(await readFile(join(directory, "got"))).toEqual(contents.get("file-100000"));
    expect(toClient.counts.dropped).toBeGreaterThan(0);
    await relay.close();
  });
});
