import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine as ApiMachine } from "@ingot/api";
import { Classroom, FULL_DHCP, buildGoldenImage, cacheDirectory } from "@ingot/server/classroom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const HTTP = { name: "http-uefi", firmware: "uefi", mac: "52:54:00:77:02:01", networkBoot: "http" } as const;
const REPLACED = { name: "lkrn-bios", firmware: "bios", mac: "52:54:00:77:02:02" } as const;
const PLAIN_PXE = { name: "undi-bios", firmware: "bios", mac: "52:54:00:77:02:03" } as const;

/** A file that is there before the server goes away, and one that is being written meanwhile: each block waits for its flush. */
const WRITE_BEFORE =
  "dd if=/dev/urandom of=/root/before bs=1M count=8 conv=fsync status=none && sha256sum /root/before";
const WRITE_DURING =
  "(dd if=/dev/urandom of=/root/during bs=32k count=200 oflag=dsync status=none && sha256sum /root/during >/root/during.sum) &";

describe("less common ways to iPXE", () => {
  let directory: string;
  let classroom: Classroom;

  beforeAll(async () => {
    const image = await buildGoldenImage({ cacheDir: cacheDirectory() });
    directory = mkdtempSync(join(tmpdir(), "ingot-http-"));
    classroom = await Classroom.open({ prefix: "inghttp", directory, serveArguments: FULL_DHCP });
    await classroom.ingot("image", "add", "debian-demo", image.path);
    await classroom.ingot("group", "set", "room", "--plan", "diskless", "--image", "debian-demo");
    for (const { name, mac } of [HTTP, PLAIN_PXE])
      await classroom.ingot("machine", "add", "--name", name, "--mac", mac, "--group", "room");
    await classroom.ingot(
      "machine",
      "add",
      "--name",
      REPLACED.name,
      "--mac",
      REPLACED.mac,
      "--group",
      "room",
      "--replace-firmware-ipxe",
    );
  });

  afterAll(async () => {
    await classroom?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  async function stagesOf(name: string): Promise<string[]> {
    const machine = await classroom.api.get<ApiMachine>(`/api/v1/machines/${name}`);
    return machine.boot?.stages.map(({ stage }) => stage) ?? [];
  }

  test("UEFI HTTP boot and a BIOS whose ROM's iPXE is replaced by ours reach the login prompt, and outlive the server", async () => {
    await using http = await classroom.powerOn(HTTP);
    await using replaced = await classroom.powerOn(REPLACED);
    const machines = [http, replaced];
    await Promise.all(machines.map((machine) => machine.login({ timeoutMs: 400_000 })));
    expect(await stagesOf(HTTP.name)).toEqual(expect.arrayContaining(["http", "script", "iscsi", "os"]));
    expect(await stagesOf(HTTP.name)).not.toContain("tftp");
    expect(await stagesOf(REPLACED.name)).toEqual(expect.arrayContaining(["http", "script", "iscsi", "os"]));
    // The ROM's iPXE says this once, ours once more.
    expect(replaced.console.text).toMatch(/iPXE 1\.0\.0.*\n[\s\S]*iPXE 1\.0\.0/);

    const before = await Promise.all(machines.map((machine) => machine.runCommand(WRITE_BEFORE)));
    await Promise.all(machines.map((machine) => machine.runCommand(WRITE_DURING)));
    await classroom.server.stop();
    await classroom.startServer();
    for (const [index, machine] of machines.entries()) {
      await machine.runCommand("wait", { timeoutMs: 180_000 });
      await machine.runCommand("sync; echo 3 >/proc/sys/vm/drop_caches");
      expect(await machine.runCommand("sha256sum /root/before")).toBe(before[index]);
      expect(await machine.runCommand("sha256sum -c /root/during.sum")).toBe("/root/during: OK");
      expect(await machine.runCommand("touch /root/after && sync && findmnt -no OPTIONS /")).toMatch(/^rw/);
    }
  });

  test("a BIOS takes undionly.kpxe by TFTP, which boots the disk over the ROM's own UNDI", async () => {
    await using machine = await classroom.powerOn(PLAIN_PXE);
    // The ROM looks for the key for a moment only, first as it is set up and again as it starts.
    const knocking = setInterval(() => machine.type("\x02"), 250);
    await machine.waitForSerial("iPXE> ", { timeoutMs: 60_000 }).finally(() => clearInterval(knocking));
    // The ROM's iPXE does what a plain PXE ROM does; its own choice would be the script.
    machine.type("dhcp && chain tftp://10.77.0.1/undionly.kpxe\n");
    await machine.login({ timeoutMs: 400_000 });
    expect(machine.console.text).toMatch(/undionly\.kpxe\.\.\. ok[\s\S]*using undionly/);
    expect(await stagesOf(PLAIN_PXE.name)).toEqual(expect.arrayContaining(["tftp", "script", "iscsi", "os"]));
  });
});
