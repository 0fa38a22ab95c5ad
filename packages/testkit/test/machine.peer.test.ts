import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findTool, Lab, startMachine, type MachineOptions } from "../src/lab/index.ts";

const able = process.getuid?.() === 0 && findTool("qemu-system-x86_64") !== undefined;
const skipped = !able && process.env["CI"] === undefined;

describe.skipIf(skipped)(`virtual machines${skipped ? " (skipped: need root and qemu-system-x86)" : ""}`, () => {
  let lab: Lab;
  let options: MachineOptions;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "ingot-machine-test-"));
    lab = await Lab.open({ prefix: "inglabm" });
    const namespace = await lab.addNamespace("net");
    await namespace.addBridge("br0");
    await namespace.addTap("tap0", { bridge: "br0" });
    const mac = "52:54:00:00:00:01";
    options = { lab, namespace, directory, name: "m1", firmware: "bios", mac, tap: "tap0", memoryMiB: 128 };
  });

  afterAll(async () => {
    await lab.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("a BIOS machine shows its firmware and the ROM of its NIC on the serial console, and in the log", async () => {
    await using machine = await startMachine(options);
    await machine.waitForSerial("SeaBIOS");
    await machine.waitForSerial("iPXE initialising devices");
    await machine.screenshot(join(directory, "screen.png"));
    expect((await stat(join(directory, "screen.png"))).size).toBeGreaterThan(0);
    await machine.powerOff();
    expect(machine.running).toBe(false);
    expect(await readFile(machine.serialLog, "latin1")).toContain("SeaBIOS");
    await expect(machine.waitForSerial("login:")).rejects.toMatchObject({ code: "ended" });
  });

  test("typed keys reach the machine, and the reset button starts it again", async () => {
    await using machine = await startMachine(options);
    await machine.waitForSerial("Press Ctrl-B for the iPXE command line");
    machine.type("\u0002");
    await machine.waitForSerial("iPXE>");
    machine.type("echo ${ip}ok\n");
    await machine.waitForSerial(/^ok$/m);
    await machine.reset();
    await machine.waitForSerial("SeaBIOS");
  });

  test("a UEFI machine asks the network by itself and keeps its variables", async () => {
    const dump = options.namespace.spawn("tcpdump", ["-l", "-n", "-i", "br0", "udp", "port", "67"]);
    await using machine = await startMachine({ ...options, name: "m2", firmware: "uefi", memoryMiB: 256 });
    await dump.waitForOutput("DHCP", { timeoutMs: 100_000 });
    await machine.powerOff();
    expect((await stat(join(directory, "m2.vars"))).size).toBeGreaterThan(0);
  });

  test("a machine that QEMU refuses fails with QEMU's own words", async () => {
    const refused = startMachine({ ...options, extraArguments: ["-device", "no-such-device"] });
    await expect(refused).rejects.toThrow(/no-such-device/);
    await expect(refused).rejects.toMatchObject({ code: "ended" });
  });

  test("machines end with their lab", async () => {
    const own = await Lab.open({ prefix: "inglabn" });
    const namespace = await own.addNamespace("net");
    await namespace.addTap("tap0");
    const machine = await startMachine({ ...options, lab: own, namespace });
    await own.close();
    expect(machine.running).toBe(false);
  });
});
