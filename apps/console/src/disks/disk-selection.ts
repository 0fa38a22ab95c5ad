import type { Disk } from "@ingot/api";
import { compareNames } from "../live/fleet.ts";

/** By what disks are sorted. */
export type DiskSort = "name" | "size";

/** The disks whose machine or image contains `text`; the largest overlays first, or by machine name. */
export function selectDisks(disks: Iterable<Disk>, text: string, sort: DiskSort): readonly Disk[] {
  const wanted = text.trim().toLowerCase();
  const chosen = [...disks].filter(
    (disk) => wanted === "" || `${disk.machineName}\n${disk.image.name}:${disk.image.version}`.includes(wanted),
  );
  chosen.sort(
    (a, b) => (sort === "size" ? b.overlayBytes - a.overlayBytes : 0) || compareNames(a.machineName, b.machineName),
  );
  return chosen;
}
