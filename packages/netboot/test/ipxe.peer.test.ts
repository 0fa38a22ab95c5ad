import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Lab, findTool, startMachine } from "@ingot/testkit/lab";
import type { LabProcess, Machine, Namespace } from "@ingot/testkit/lab";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { BootServerConfig } from "./boot-server.ts";

const MAC = "52:54:00:12:34:56";
const PATIENCE = { timeoutMs: 100_000 };

const reason = skipReason();
const title = "Debian's iPXE in virtual machines";

describe.skipIf(reason !== undefined)(
  reason === undefined ? title : `${title} (skipped: ${reason})`,
  { timeout: 300_000 },
  () => {
    let lab: Lab;
    let net: Namespace;
    let machine: Machine | undefined;

    beforeAll(async () => {
      lab = await Lab.open({ prefix: "ingnetboot" });
      net = await lab.addNamespace("net");
      await net.addBridge("br0", { address: "10.5.0.1/24" });
      await net.addTap("tap0", { bridge: "br0" });
    });
    afterAll(() => lab?.close());
    afterEach(async () => {
      await machine?.close();
      await net.stopProcesses();
    });

    async function start(
      firmware: "bios" | "uefi",
      parts: Pick<BootServerConfig, "plan" | "quirks">,
    ): Promise<LabProcess> {
      const config: BootServerConfig = {
        mode: "full",
        device: "br0",
        network: "10.5.0.1/24",
        range: ["10.5.0.100", "10.5.0.120"],
        ...parts,
      };
      const server = net.spawn("node", [join(import.meta.dirname, "boot-server.ts"), JSON.stringify(config)]);
      await server.waitForOutput('{"kind":"ready"}');
      const hardware = {
        firmware,
        networkBoot: firmware === "uefi" ? ("http" as const) : ("pxe" as const),
        memoryMiB: 512,
      };
      machine = await startMachine({ lab, namespace: net, name: firmware, mac: MAC, tap: "tap0", ...hardware });
      return server;
    }

    test("BIOS: the ROM's iPXE is replaced once by ours, which shows the menu and takes its default", async () => {
      const server = await start("bios", { plan: "menu", quirks: { replaceFirmwareIpxe: true } });
      await machine?.waitForSerial("Ingot: putting another iPXE in the place of the network card's", PATIENCE);
      await machine?.waitForSerial("Ingot: test-machine boots rescue:1 from the network", PATIENCE);
      await machine?.waitForSerial("Ingot: test-machine could not boot its disk", PATIENCE);
      expect(machine?.console.text.match(/putting another iPXE/g)?.length).toBe(1);
      expect(stagesOf(server)).toEqual(["replace", "handover", undefined, undefined]);

      // The router that DHCP gave is not what an operating system shall find in the iBFT.
      machine?.type("\x02");
      await machine?.waitForSerial("iPXE> ", PATIENCE);
      // A serial line's buffer holds 16 characters, and a busy machine is slow to take them.
      for (const part of ["show netX", "/gateway", ":ipv4"]) {
        machine?.type(part);
        await machine?.waitForSerial(part, PATIENCE);
      }
      machine?.type("\n");
      await machine?.waitForSerial('Could not find "gateway"', PATIENCE);
      machine?.type("exit\n");
      await machine?.waitForSerial("Ingot: test-machine could not boot its disk", PATIENCE);
    });

    test("UEFI HTTP boot: snponly.efi, its script, and back to the firmware's next boot device", async () => {
      const server = await start("uefi", { plan: "local", quirks: {} });
      await machine?.waitForSerial("Ingot: test-machine boots from its local disk", PATIENCE);
      await machine?.waitForSerial(/BdsDxe: (starting|loading) Boot/, PATIENCE);
      expect(requestsOf(server).map(({ method, path }) => `${method} ${path}`)).toEqual([
        "HEAD /boot/files/snponly.efi",
        "GET /boot/files/snponly.efi",
        "GET /boot/script.ipxe",
      ]);
      expect(requestsOf(server).at(-1)?.query).toMatchObject({
        mac: "52-54-00-12-34-56",
        platform: "efi",
        arch: "x86_64",
        manufacturer: "QEMU",
      });
    });
  },
);

function skipReason(): string | undefined {
  if (process.env["CI"] !== undefined) return undefined;
  if (process.getuid?.() !== 0) return "needs root for network namespaces";
  const missing = [
    ...(findTool("qemu-system-x86_64") === undefined ? ["qemu-system-x86"] : []),
    ...(has("/usr/share/OVMF") ? [] : ["ovmf"]),
    ...(has("/usr/lib/ipxe") ? [] : ["ipxe"]),
  ];
  return missing.length === 0 ? undefined : `apt-get install ${missing.join(" ")}`;
}

function has(directory: string): boolean {
  try {
    return readdirSync(directory).length > 0;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

function requestsOf(server: LabProcess): readonly HttpRequest[] {
  return server.output.text
    .split("\n")
    .filter((line) => line.startsWith('{"kind":"http"'))
    .map((line) => JSON.parse(line) as HttpRequest);
}

function stagesOf(server: LabProcess): readonly (string | undefined)[] {
  return requestsOf(server)
    .filter(({ path }) => path === "/boot/script.ipxe")
    .map(({ query }) => query["stage"]);
}
