import type { SystemFiles } from "../system/system-files.ts";

/** Who uses which disk at the moment. */
export interface DiskUses {
  /** Mount points, `swap`, and devices made from this disk or its partitions; without doubles, in a fixed order. */
  of(disk: string): readonly string[];
  /** Those of them by which the disk may be changing now: file systems that are mounted for writing, swap, and devices that are made of it. */
  writersOf(disk: string): readonly string[];
}

/** Reads `/proc/self/mountinfo`, `/proc/swaps` and the `holders` in sysfs. */
export function readUses(files: SystemFiles): DiskUses {
  const mounts = readMounts(files);
  const swaps = (files.readText("/proc/swaps") ?? "").split("\n").map((line) => line.split(/\s/)[0] ?? "");
  const usesOf = (disk: string, onlyWriters: boolean): readonly string[] => {
    const at = `/sys/block/${disk}`;
    const partitions = files.list(at).filter((name) => files.exists(`${at}/${name}/partition`));
    const uses = new Set<string>();
    for (const [name, folder] of [[disk, at] as const, ...partitions.map((p) => [p, `${at}/${p}`] as const)]) {
      const number = files.readText(`${folder}/dev`);
      for (const mount of mounts) {
        // btrfs and overlays have device numbers of their own, but name their source.
        if (onlyWriters && !mount.isWritable) continue;
        if (mount.device === number || mount.source === `/dev/${name}`) uses.add(mount.point);
      }
      if (swaps.includes(`/dev/${name}`)) uses.add("swap");
      for (const holder of files.list(`${folder}/holders`)) uses.add(holderName(files, holder));
    }
    return [...uses];
  };
  return { of: (disk) => usesOf(disk, false), writersOf: (disk) => usesOf(disk, true) };
}

interface Mount {
  readonly device: string;
  readonly point: string;
  readonly source: string;
  /** As a whole; a single mount point of it may be read-only, and is for a service that systemd keeps from writing. */
  readonly isWritable: boolean;
}

/** proc(5): `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` */
function readMounts(files: SystemFiles): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of (files.readText("/proc/self/mountinfo") ?? "").split("\n")) {
    const [own = "", rest = ""] = line.split(" - ");
    const fields = own.split(" ");
    const device = fields[2];
    const point = fields[4];
    const [, source, options = ""] = rest.split(" ");
    const isWritable = options.split(",").includes("rw");
    if (device !== undefined && point !== undefined && source !== undefined)
      mounts.push({ device, point, source, isWritable });
  }
  return mounts;
}

function holderName(files: SystemFiles, holder: string): string {
  return files.readText(`/sys/block/${holder}/dm/name`) ?? holder;
}
