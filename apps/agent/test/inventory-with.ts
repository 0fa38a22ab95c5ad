import { statSync } from "node:fs";
import type { Inventory } from "../src/inventory/inventory.ts";
import { diskWith } from "./disk-with.ts";

/** What a machine with one network card finds in itself whose one disk, `sdz`, is a file of this machine's. */
export function inventoryWith(mac: string, disk: string, change: Partial<Inventory["disks"][number]> = {}): Inventory {
  return {
    dmi: {},
    nics: [
      {
        name: "eth0",
        mac: mac as Inventory["nics"][number]["mac"],
        permanent: true,
        link: true,
        addresses: ["127.0.0.1"],
      },
    ],
    disks: [diskWith({ name: "sdz", path: disk, sizeBytes: statSync(disk).size, ...change })],
    firmware: { mode: "bios", secureBoot: "unsupported" },
    power: { mains: true },
    processor: { threads: 1, features: [], memoryBytes: 2 ** 30 },
  };
}
