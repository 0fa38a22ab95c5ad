import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeSparse, SPARSE_MEDIA_TYPE } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
import { ingot, run, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.88:8470", "--boot-port", "18488", "--iscsi", "127.0.0.88:3260"];
const MIB = 1 << 20;

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-stop-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Begins an upload of 64 MiB and resolves once the server has said that it is at work; the rest never comes. */
async function uploadHalf(server: ServerProcess): Promise<{ ended: Promise<string> }> {
  const never = Promise.withResolvers<never>();
  async function* ranges(): AsyncGenerator<{ offset: number; bytes: Uint8Array }> {
    for (let at = 0; at < 32; at++) yield { offset: at * MIB, bytes: randomBytes(MIB) };
    await never.promise;
  }
  const response = await fetch(`${server.url}/api/v1/images/half/versions`, {
    method: "POST",
    headers: { "content-type": SPARSE_MEDIA_TYPE },
    body: ReadableStream.from(encodeSparse({ sizeBytes: 64 * MIB, data: ranges() })),
    duplex: "half",
  } as RequestInit);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let answer = (await reader?.read())?.value ?? "";
  async function readToEnd(): Promise<string> {
    for (;;) {
      const next = await reader?.read().catch(() => undefined);
      if (next === undefined || next.done) return answer;
      answer += next.value;
    }
  }
  return { ended: readToEnd() };
}

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s with an open session and an upload under way: the server ends, and the data directory is whole",
  async (signal) => {
    const image = join(folder, "disk.img");
    writeFileSync(image, randomBytes(MIB));
    truncateSync(image, 16 * MIB);
    expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
    const server = await ServerProcess.start(data, ...PORTS);
    const url = await new ServerApi(server).addMachine(1, { image: "lab", mode: "persistent" });

    const initiator = spawn("stdbuf", ["-i0", "-oL", "qemu-io", "-f", "raw", url], { stdio: "pipe" });
    initiator.stdin.on("error", () => undefined);
    initiator.stdin.write("write -P 5 1M 2M\nflush\nlength\n");
    let output = "";
    for await (const text of initiator.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
      output += String(text);
      if (output.includes("16 MiB\n")) break;
    }
    // Answered, not flushed: an orderly end loses nothing of it either.
    initiator.stdin.write("write -P 6 4M 1M\nlength\n");
    for await (const text of initiator.stdout.iterator({ destroyOnReturn: false })) {
      output += String(text);
      if (output.split("16 MiB\n").length > 2) break;
    }
    const upload = await uploadHalf(server);

    const stopped = await Promise.race([
      server.stop(signal),
      new Promise<string>((resolve) => setTimeout(() => resolve("still running after 10 s"), 10_000).unref()),
    ]);
    expect(stopped).toBe(0);
    expect(server.notices.at(-1)).toEqual({ event: "stopped" });
    expect(await upload.ended).not.toContain('"type":"result"');
    const gone = once(initiator, "close");
    initiator.kill("SIGKILL");
    await gone;
    expect(existsSync(join(data, "server.json"))).toBe(false);

    await using again = await ServerProcess.start(data, ...PORTS);
    expect(again.notices.filter(({ event }) => event === "warning")).toEqual([]);
    const api = new ServerApi(again);
    expect(await api.imageNames()).toEqual(["lab"]);
    expect(readdirSync(join(data, "store", "tmp"))).toEqual([]);
    expect(await ingot("image", "verify", "lab", "--data", data)).toMatchObject({ code: 0 });
    const commands = ["-c", "read -P 5 1M 2M", "-c", "read -P 6 4M 1M", "-c", "read -P 0 8M 8M"];
    const kept = await run("qemu-io", ["-f", "raw", ...commands, url]);
    expect(kept.stdout + kept.stderr).not.toMatch(/failed/i);
  },
);

test("a server that failed to start leaves nothing held: the next one starts", async () => {
  const taken = createServer().listen(3260, "127.0.0.88");
  await once(taken, "listening");
  await expect(ServerProcess.start(data, ...PORTS)).rejects.toThrow(/127\.0\.0\.88:3260 is in use/);
  taken.close();
  await once(taken, "close");
  await using server = await ServerProcess.start(data, ...PORTS);
  expect(await new ServerApi(server).imageNames()).toEqual([]);
});
