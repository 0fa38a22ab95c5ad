import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TargetServer } from "@ingot/iscsi";
import type { SessionInfo } from "@ingot/iscsi";
import { expectBytes, pattern } from "./harness.ts";
import { MemoryDevice } from "./memory-device.ts";
import { havePrograms } from "./peers.ts";

const TARGET = "iqn.2026-11.org.ingot:bios";
const INITIATOR = "iqn.2010-04.org.ipxe:bios";
/** Sectors that the boot sector copies: 63.5 KiB, the most that a BIOS transfers at once. */
const SECTORS = 127;
const TO_LBA = 1000;

/** A boot sector that reads sectors 1 to 127 through INT 13h, writes them to 1000, and stops. */
function bootSector(): Uint8Array {
  const bytes = new Uint8Array(512);
  const code = [
    "31c0 8ed8", // xor ax,ax; mov ds,ax
    "be007d b442 cd13 7208", // mov si,7d00; mov ah,42; int 13; jc stop
    "be107d b80043 cd13", // mov si,7d10; mov ax,4300; int 13
    "ebfe", // stop: jmp stop
  ];
  bytes.set(Uint8Array.fromHex(code.join("").replaceAll(" ", "")));
  // Disk address packets: length, count, offset, segment 1000h, LBA.
  bytes.set([16, 0, SECTORS, 0, 0, 0, 0x00, 0x10, 1, 0, 0, 0, 0, 0, 0, 0], 0x100);
  bytes.set([16, 0, SECTORS, 0, 0, 0, 0x00, 0x10, TO_LBA & 0xff, TO_LBA >>> 8, 0, 0, 0, 0, 0, 0], 0x110);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

describe.runIf(havePrograms("qemu-system-x86_64"))("iPXE", () => {
  test.each([
    ["without a secret", undefined],
    ["with CHAP", { name: "machine", secret: "a-long-secret" }],
  ])("boots from a disk and writes to it, %s", async (_, chap) => {
    // iPXE needs at least one whole cylinder of 255 heads and 63 sectors.
    const device = new MemoryDevice(16 * 1_048_576);
    device.bytes.set(pattern(SECTORS * 512), 512);
    device.bytes.set(bootSector());
    const logins: SessionInfo[] = [];
    const server = await TargetServer.listen({
      address: "127.0.0.1",
      port: 0,
      onEvent: (event) => {
        if (event.kind === "login") logins.push(event.session);
      },
      directory: {
        credentials: async () => chap,
        resolve: async () => ({ kind: "disk", device, id: "bios", hasPoweredOn: true }),
        list: async () => [],
      },
    });
    const dir = await mkdtemp(join(tmpdir(), "ingot-ipxe-"));
    const login = chap === undefined ? [] : [`set username ${chap.name}`, `set password ${chap.secret}`];
    const sanboot = `sanboot iscsi:10.0.2.2:6:${server.address.port}:0:${TARGET}`;
    await writeFile(
      join(dir, "boot.ipxe"),
      ["#!ipxe", `set initiator-iqn ${INITIATOR}`, ...login, sanboot, ""].join("\n"),
    );
    const network = ["-netdev", `user,id=net,tftp=${dir},bootfile=boot.ipxe`, "-device", "virtio-net-pci,netdev=net"];
    const machine = spawn("qemu-system-x86_64", [
      "-accel",
      "tcg",
      "-m",
      "64",
      "-display",
      "none",
      "-boot",
      "n",
      ...network,
    ]);
    try {
      await expect
        .poll(() => server.sessions()[0]?.counters.writtenBytes, { timeout: 60_000, interval: 200 })
        .toBe(SECTORS * 512);
      expectBytes(device.bytes.slice(TO_LBA * 512, (TO_LBA + SECTORS) * 512), pattern(SECTORS * 512));
      expect(logins).toMatchObject([
        { initiatorName: INITIATOR, targetName: TARGET, parameters: { initialR2T: true } },
      ]);
    } finally {
      const exited = once(machine, "exit");
      machine.kill("SIGKILL");
      await exited;
      await server.close();
      await rm(dir, { recursive: true });
    }
  });
});
