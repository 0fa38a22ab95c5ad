import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
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

test("50 initiators read one image, each the right bytes, while two more images are added", async () => {
  await ingot("image", "add", "lab", image, "--data", data);
  await using server = await ServerProcess.start(data, ...PORTS);
  const api = new ServerApi(server);
  const urls = await Promise.all(Array.from({ length: 50 }, (_, i) => api.addMachine(i, { image: "lab" })));
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

test.each([
  ["proxydhcp", ["--dhcp", "proxy"], [67, 4011]],
  ["dhcp", ["--dhcp", "full", "--dhcp-range", "127.0.0.100-127.0.0.199"], [67]],
] as const)(
  "garbage on every port is counted (%s), and the honest client between is served",
  async (dhcp, options, ports) => {
    await ingot("image", "add", "lab", image, "--data", data);
    await using server = await ServerProcess.start(data, ...PORTS, "--interface", "lo", ...options);
    const api = new ServerApi(server);
    const url = await api.addMachine(1, { image: "lab" });
    const udp = createSocket("udp4");
    for (let round = 0; round < 200; round++) {
      for (const port of [...ports, 69]) udp.send(randomBytes(1 + round * 3), port, "127.0.0.1");
      const tcp = connect(3260, "127.0.0.78", () => tcp.end(randomBytes(48 + round)));
      tcp.on("error", () => undefined);
    }
    const compared = await run("qemu-img", ["compare", "-f", "raw", "-F", "raw", image, url]);
    expect(compared.stdout).toContain("Images are identical");
    udp.close();
    const fetched = join(folder, "undionly.kpxe");
    const curl = await run("curl", ["-sS", "tftp://127.0.0.1/undionly.kpxe", "--max-time", "20", "-o", fetched]);
    expect(curl).toMatchObject({ code: 0 });
    expect(readFileSync(fetched)).toEqual(readFileSync("/usr/lib/ipxe/undionly.kpxe"));
    for (const service of [dhcp, "tftp", "iscsi"])
      expect(await api.detailOf(service), service).toMatch(/\b[1-9]\d* malformed/);
    expect(await api.detailOf("tftp")).toMatch(/^1 files sent/);
    expect(await api.detailOf("iscsi")).toMatch(/\b[1-9]\d* logins/);
    expect(server.child.exitCode).toBeNull();
  },
);
