import type { AgentDisk, AgentInventory } from "@ingot/api";
import { expect, test } from "vitest";
import { hardwareOf, isSameHardware } from "./hardware.ts";

const disk = (changes: Partial<AgentDisk>): AgentDisk => ({
  path: "/dev/sda",
  sizeBytes: 1000,
  logicalSectorBytes: 512,
  transport: "sata",
  rotational: false,
  removable: false,
  signatures: [],
  ...changes,
});

const machine: AgentInventory = {
  system: "ram",
  agentVersion: "1",
  nics: [{ name: "eth0", mac: "52:54:00:00:00:01" }],
  disks: [disk({ serial: "S1" }), disk({ wwn: "5000c500a1b2c3d4" })],
  uuid: "11111111-2222-4333-8444-555555555501",
  serial: "SN-1",
  firmware: "bios",
};

test.each<[string, boolean, Partial<AgentInventory>]>([
  ["the same in another order, with other device names", true, { disks: [...machine.disks].toReversed() }],
  [
    "a stick and a dock more",
    true,
    {
      disks: [...machine.disks, disk({ serial: "U", transport: "usb" }), disk({ serial: "C", removable: true })],
      nics: [{ name: "eth1", mac: "52:54:00:00:00:99" }, ...machine.nics],
    },
  ],
  ["its own system instead of the agent's", true, { system: "installed", hostName: "pc-1" }],
  ["another disk", false, { disks: [disk({ serial: "S2" }), disk({ wwn: "5000c500a1b2c3d4" })] }],
  ["a disk less", false, { disks: [disk({ serial: "S1" })] }],
  ["another board", false, { uuid: "11111111-2222-4333-8444-555555555502" }],
  ["another serial number", false, { serial: "SN-2" }],
  ["no network card in common", false, { nics: [{ name: "eth0", mac: "52:54:00:00:00:02" }] }],
])("%s: the same computer is %s", (_what, isSame, changes) => {
  expect(isSameHardware(hardwareOf(machine), hardwareOf({ ...machine, ...changes }))).toBe(isSame);
});
