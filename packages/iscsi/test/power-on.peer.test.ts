import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { TargetServer } from "@ingot/iscsi";
import { MemoryDevice } from "./memory-device.ts";
import { havePrograms } from "./peers.ts";

const TARGET = "iqn.2026-11.org.ingot:disk";

/** A disk that says to every session that it has just come up. */
function listen(device: MemoryDevice, port: number): Promise<TargetServer> {
  return TargetServer.listen({
    address: "127.0.0.1",
    port,
    directory: {
      credentials: async () => undefined,
      resolve: async () => ({ kind: "disk", device, id: "disk", hasPoweredOn: true }),
      list: async () => [],
    },
  });
}

test.runIf(havePrograms("qemu-img"))("QEMU writes on over a restart of the target, told of it or not", async () => {
  const device = new MemoryDevice(64 * 1_048_576);
  let server = await listen(device, 0);
  const { port } = server.address;
  const size = ["-c", "20000", "-d", "4", "-s", "4096", "--pattern=7"];
  const url = `iscsi://127.0.0.1:${port}/${TARGET}/0`;
  const writing = spawn("qemu-img", ["bench", "-t", "none", "-f", "raw", "-w", ...size, url], { stdio: "ignore" });
  const exited = once(writing, "exit");
  try {
    await expect.poll(() => server.sessions()[0]?.counters.writeCommands, { timeout: 20_000 }).toBeGreaterThan(100);
    await server.close();
    server = await listen(device, port);
    expect(await exited).toEqual([0, null]);
    // 20,000 writes of 4 KiB wrap around: all of the disk is written.
    expect(device.bytes.every((byte) => byte === 7)).toBe(true);
  } finally {
    writing.kill("SIGKILL");
    await exited;
    await server.close();
  }
});
