import type { Disk } from "../src/inventory/disk.ts";

/** A healthy internal disk with nothing on it, but for what a test says. */
export function diskWith(change: Partial<Disk> = {}): Disk {
  return {
    name: "sda",
    path: "/dev/sda",
    sizeBytes: 64 * 2 ** 30,
    logicalSectorBytes: 512,
    physicalSectorBytes: 512,
    rotational: false,
    removable: false,
    readOnly: false,
    transport: "sata",
    usedBy: [],
    writtenBy: [],
    signatures: [],
    health: { verdict: "passed" },
    ...change,
  };
}
