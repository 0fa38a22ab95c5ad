import { execFile, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { createIdentity } from "../src/identity/identity.ts";
import { decodeChunk, decodeChunkStream } from "../src/transfer/chunk-stream.ts";
import { Disks } from "./transfer-image.ts";
import { IMAGE, Member, chunksOf } from "./transfer-members.ts";

const run = promisify(execFile);
const hasCurl = process.env["CI"] !== undefined || spawnSync("curl", ["--version"]).error === undefined;

/** Runs curl with a client certificate; returns its output as bytes. */
async function curl(args: readonly string[]): Promise<Buffer> {
  const common = ["--silent", "--show-error", "--insecure", "--http1.1", "--max-time", "20"];
  const { stdout } = await run("curl", [...common, ...args], { encoding: "buffer", maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

describe.skipIf(!hasCurl)("curl (skipped without curl)", () => {
  it("fetches pieces with a key that was allowed, over TLS 1.3, on one connection", async () => {
    using disks = new Disks();
    await using seed = await Member.start();
    await seed.openDisk(disks.open("seed", IMAGE.bytes), "all");
    const client = createIdentity();
    const [key, cert] = [join(disks.directory, "key.pem"), join(disks.directory, "cert.pem")];
    writeFileSync(key, client.keyPem);
    writeFileSync(cert, client.certPem);
    const door = `https://127.0.0.1:${seed.door.port}/images/${IMAGE.manifestId}/pieces`;
    const identity = ["--tlsv1.3", "--key", key, "--cert", cert];
    const status = ["--output", "/dev/null", "--write-out", "%{http_code} %{num_connects} "];
    expect((await curl([...identity, ...status, `${door}/0`])).toString()).toBe("403 1 ");
    seed.engine.allow(client.fingerprint, IMAGE.manifestId);

    const stream = await curl([...identity, `${door}/1`]);
    const { pieceMap } = IMAGE;
    const expected = { lengthOf: (chunk: number) => pieceMap.lengthOf(chunk), chunks: chunksOf(1) };
    for (const stored of decodeChunkStream(stream, expected)) {
      const digest = Uint8Array.fromHex(pieceMap.digestOf(stored.chunk));
      const plain = decodeChunk(stored, expected.lengthOf(stored.chunk), digest);
      const [offset = 0] = pieceMap.offsetsOf(stored.chunk);
      expect(IMAGE.bytes.subarray(offset, offset + plain.length).equals(plain)).toBe(true);
    }
    const [first = 0] = chunksOf(1);
    const some = await curl([...identity, `${door}/1?chunks=${first}-${first + 1}`]);
    expect(decodeChunkStream(some, { ...expected, chunks: [first, first + 1] })).toHaveLength(2);

    const both = [...identity, ...status, `${door}/0`, ...status, `${door}/2`, ...status, `${door}/99999`];
    expect((await curl(both)).toString()).toBe("200 1 200 0 404 0 ");
    expect((await curl([...identity, ...status, "--head", `${door}/0`])).toString()).toBe("405 1 ");
    expect((await curl([...identity, ...status, "--data", "x", `${door}/0`])).toString()).toBe("400 1 ");
  });

  it.each([
    ["no key", ["--tlsv1.3"], "403"],
    ["TLS 1.2", ["--tls-max", "1.2"], "000"],
    ["another cipher", ["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"], "000"],
  ])("with %s gets nothing", async (_name, args, code) => {
    await using seed = await Member.start();
    const url = `https://127.0.0.1:${seed.door.port}/images/${IMAGE.manifestId}/pieces/0`;
    const status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    const answer = await curl([...args, ...status, url]).catch((error: { stdout: Buffer }) => error.stdout);
    expect(answer.toString()).toBe(code);
  });
});
