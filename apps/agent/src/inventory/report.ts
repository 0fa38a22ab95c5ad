import type { AgentDisk, AgentInventory, AgentNic, AgentSystem } from "@ingot/api";
import { VERSION } from "../version.ts";
import type { Disk } from "./disk.ts";
import type { FirmwareFacts } from "./firmware.ts";
import type { Inventory } from "./inventory.ts";
import type { Nic } from "./nics.ts";

/** The inventory in the words of the API: what the server is told of this machine. */
export function reportOf(inventory: Inventory, system: AgentSystem, hostName: string, arch: string): AgentInventory {
  const { dmi, firmware, power, processor } = inventory;
  const optional = {
    uuid: dmi.uuid,
    serial: dmi.serial ?? dmi.boardSerial,
    manufacturer: dmi.vendor ?? dmi.boardVendor,
    product: dmi.product ?? dmi.boardName,
    secureBoot: secureBootOf(firmware),
    tpm: firmware.tpm,
    cpu: processor.model === undefined ? undefined : { model: processor.model, threads: processor.threads },
    memoryBytes: processor.memoryBytes === 0 ? undefined : processor.memoryBytes,
    battery:
      power.batteryPercent === undefined
        ? undefined
        : { percent: power.batteryPercent, charging: power.mains === true },
  };
  return {
    system,
    agentVersion: VERSION,
    hostName,
    // Cards with a link first: the machine booted over one of them.
    nics: inventory.nics.toSorted((a, b) => Number(b.link) - Number(a.link)).map(nicReport),
    disks: inventory.disks.map(diskReport),
    firmware: firmwareOf(firmware, arch),
    ...optional,
  };
}

/** What a peer that only takes part in swarms says of its computer: as little as possible, and at once. */
export function peerReport(hostName: string): AgentInventory {
  return { system: "installed", agentVersion: VERSION, hostName, nics: [], disks: [], firmware: "unknown" };
}

function nicReport(nic: Nic): AgentNic {
  const [address] = nic.addresses;
  return {
    name: nic.name,
    mac: nic.mac,
    driver: nic.driver,
    megabitsPerSecond: nic.speedMbit,
    ...(address === undefined ? {} : { address }),
  };
}

function diskReport(disk: Disk): AgentDisk {
  const { verdict } = disk.health;
  return {
    path: disk.path,
    sizeBytes: disk.sizeBytes,
    logicalSectorBytes: disk.logicalSectorBytes,
    physicalSectorBytes: disk.physicalSectorBytes,
    transport: disk.transport === "iscsi" ? "other" : disk.transport,
    rotational: disk.rotational,
    removable: disk.removable,
    wwn: disk.wwn,
    serial: disk.serial,
    model: disk.model,
    signatures: [...disk.signatures, ...(disk.usedBy.length > 0 ? ["mounted"] : [])],
    ...(verdict === "unknown" ? {} : { healthy: verdict === "passed" }),
  };
}

function secureBootOf({ secureBoot }: FirmwareFacts): boolean | undefined {
  if (secureBoot === "enabled") return true;
  return secureBoot === "disabled" || secureBoot === "setup" ? false : undefined;
}

function firmwareOf(firmware: FirmwareFacts, arch: string): AgentInventory["firmware"] {
  if (firmware.mode === "bios") return arch === "x64" ? "bios" : "unknown";
  if (arch === "arm64") return "uefi-arm64";
  return firmware.bits === 32 ? "uefi-ia32" : "uefi-x64";
}
