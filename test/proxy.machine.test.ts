import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Disk, Machine as ApiMachine } from "@ingot/api";

import { Classroom, buildGoldenImage, cacheDirectory } from "@ingot/server/classroom";
import type { LabProcess } from "@ingot/testkit/lab";
import { launchBrowser } from "../apps/console/test/browser.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const BIOS = { name: "proxy-bios", firmware: "bios", mac: "52:54:00:77:01:01" } as const;
const UEFI = { name: "proxy-uefi", firmware: "uefi", mac: "52:54:00:77:01:02" } as const;

describe("beside a dnsmasq on another host that only leases addresses", () => {
  let directory: string;
  let classroom: Classroom;
  let dnsmasq: LabProcess;

  beforeAll(async () => {
    const image = await buildGoldenImage({ cacheDir: cacheDirectory() });
    directory = mkdtempSync(join(tmpdir(), "ingot-proxy-"));
    classroom = await Classroom.open({
      prefix: "ingproxy",
      directory,
      serveArguments: ["--dhcp", "proxy"],
      async prepare(lab, network) {
        const other = await lab.addNamespace("dhcp");
        await lab.addCable(
          { namespace: network, name: "to-dhcp", bridge: "br0" },
          { namespace: other, name: "eth0", address: "10.77.0.2/24" },
        );
        dnsmasq = other.spawn("dnsmasq", [
          "--no-daemon",
          "--port=0",
          "--interface=eth0",
          "--bind-interfaces",
          "--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,1h",
          `--dhcp-leasefile=${join(directory, "dnsmasq.leases")}`,
          "--user=root",
        ]);
      },
    });
    await classroom.ingot("image", "add", "debian-demo", image.path);
    await classroom.ingot("group", "set", "room", "--plan", "diskless", "--image", "debian-demo", "--mode", "reset");
    for (const { name, mac } of [BIOS, UEFI])
      await classroom.ingot("machine", "add", "--name", name, "--mac", mac, "--group", "room");
    // The demo shows it the other way round.
    await classroom.ingot("machine", "set", BIOS.name, "--mode", "persistent");
  });

  afterAll(async () => {
    await classroom?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  /** The console, in a real browser, while the machines boot: every timeline moves from its first stage to the last. */
  async function watchInBrowser(machineCount: number): Promise<void> {
    const browser = await launchBrowser();
    try {
      const { page, faults, screenshot } = await browser.open({
        url: classroom.url,
        width: 1440,
        height: 900,
        scheme: "dark",
      });
      const reached = (station: string, status: string): Promise<void> =>
        page
          .locator(`[data-station="${station}"][data-status="${status}"]`)
          .nth(machineCount - 1)
          .waitFor({ state: "attached", timeout: 400_000 });
      await reached("script", "passed");
      await screenshot("boot-under-way");
      await reached("up", "passed");
      await screenshot("boot-done");
      expect(faults).toEqual([]);
    } finally {
      await browser.close();
    }
  }

  test("BIOS and UEFI machines reach the login prompt with dnsmasq's address and Ingot's disk; persistent keeps, reset forgets", async () => {
    const machines = await Promise.all([BIOS, UEFI].map((seat) => classroom.powerOn(seat)));
    await Promise.all([
      ...machines.map((machine) => machine.login({ timeoutMs: 400_000 })),
      watchInBrowser(machines.length),
    ]);
    for (const machine of machines) {
      expect(dnsmasq.output.text).toContain(`DHCPACK(eth0)`);
      expect(dnsmasq.output.text).toContain(machine.mac);
      expect(await machine.runCommand("ip -4 -o address show")).toMatch(/10\.77\.0\.1\d\d/);
      expect(await machine.runCommand("cat /sys/firmware/ibft/target0/ip-addr")).toBe("10.77.0.1");
      const seen = await classroom.api.get<ApiMachine>(`/api/v1/machines/${machine.name}`);
      expect(seen.boot?.stages.map(({ stage }) => stage)).toEqual(
        expect.arrayContaining(["dhcp", "script", "iscsi", "os"]),
      );
      const disk = await classroom.api.get<Disk>(`/api/v1/disks/${machine.name}`);
      expect(disk.sessions.length).toBeGreaterThan(0);
      expect(disk.overlayBytes).toBeGreaterThan(0);
      await machine.runCommand("echo kept >/root/note && sync");
    }

    await Promise.all(machines.map((machine) => machine.powerOff()));
    const again = await Promise.all([BIOS, UEFI].map((seat) => classroom.powerOn(seat)));
    await Promise.all(again.map((machine) => machine.login({ timeoutMs: 400_000 })));
    const [bios, uefi] = again;
    expect(await bios?.runCommand("cat /root/note")).toBe("kept");
    expect(await uefi?.runCommand("ls /root/note 2>&1 || true")).toMatch(/No such file/);
  });
});
