import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Machine as ApiMachine } from "@ingot/api";
import { Classroom, FULL_DHCP, buildGoldenImage, cacheDirectory } from "@ingot/server/classroom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const HTTP = { name: "http-uefi", firmware: "uefi", mac: "52:54:00:77:02:01", networkBoot: "http" } as const;
const REPLACED = { name: "lkrn-bios", firmware: "bios", mac: "52:54:00:77:02:02" } as const;

describe("less common ways to iPXE", () => {
  let directory: string;
  let classroom: Classroom;

  beforeAll(async () => {
    const image = await buildGoldenImage({ cacheDir: cacheDirectory() });
    directory = mkdtempSync(join(tmpdir(), "ingot-http-"));
    classroom = await Classroom.open({ prefix: "inghttp", directory, serveArguments: FULL_DHCP });
    await classroom.ingot("image", "add", "debian-demo", image.path);
    await classroom.ingot("group", "set", "room", "--plan", "diskless", "--image", "debian-demo");
    await classroom.ingot("machine", "add", "--name", HTTP.name, "--mac", HTTP.mac, "--group", "room");
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

  test("UEFI HTTP boot and a BIOS whose ROM's iPXE is replaced by ours both reach the login prompt", async () => {
    const machines = await Promise.all([HTTP, REPLACED].map((seat) => classroom.powerOn(seat)));
    await Promise.all(machines.map((machine) => machine.login({ timeoutMs: 400_000 })));
    expect(await stagesOf(HTTP.name)).toEqual(expect.arrayContaining(["http", "script", "iscsi", "os"]));
    expect(await stagesOf(HTTP.name)).not.toContain("tftp");
    expect(await stagesOf(REPLACED.name)).toEqual(expect.arrayContaining(["http", "script", "iscsi", "os"]));
    // Only Debian's ipxe.lkrn says this, not the ROM of QEMU's network card.
    expect(machines[1]?.console.text).toMatch(/iPXE 1\.0\.0.*\n[\s\S]*iPXE 1\.0\.0/);
  });
});
