import type { AgentInventory } from "@ingot/api";

/** What of a computer stays the same from boot to boot, as its agent says. None of it is proof; disks' serial numbers do not go over the network in the clear. */
export interface Hardware {
  readonly uuid: string | undefined;
  readonly serial: string | undefined;
  readonly macs: readonly string[];
  /** Of the disks that cannot be pulled out, sorted: WWN, else serial number, else model and size. */
  readonly disks: readonly string[];
}

/** What is kept of an inventory. */
export function hardwareOf({ uuid, serial, nics, disks }: AgentInventory): Hardware {
  const fixed = disks.filter((disk) => !disk.removable && disk.transport !== "usb");
  return {
    uuid,
    serial,
    macs: nics.map((nic) => nic.mac),
    disks: fixed.map((disk) => disk.wwn ?? disk.serial ?? `${disk.model ?? ""}/${disk.sizeBytes}`).toSorted(),
  };
}

/** Whether both are one computer, as far as can be told: everything is the same, but for network cards that come and go with docks. */
export function isSameHardware(a: Hardware, b: Hardware): boolean {
  return (
    a.uuid === b.uuid &&
    a.serial === b.serial &&
    a.disks.length === b.disks.length &&
    a.disks.every((disk, index) => disk === b.disks[index]) &&
    a.macs.some((mac) => b.macs.includes(mac))
  );
}
