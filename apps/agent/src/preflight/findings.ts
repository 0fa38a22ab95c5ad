import type { Finding } from "@ingot/disks";
import type { Disk } from "../inventory/disk.ts";

/** What stands on a disk that somebody may miss, or that another system may wake up. Reads signatures only. Errors of the system pass through. */
export async function readFindings(disk: Pick<Disk, "path">): Promise<readonly Finding[]> {
  const { openByteReader, recognise } = await import("@ingot/disks");
  const reader = await openByteReader(disk.path);
  try {
    return await recognise(reader);
  } finally {
    await reader.close();
  }
}

/** `bitlocker on partition 3` */
export function describeFinding(finding: Pick<Finding, "kind" | "partition">): string {
  const where = finding.partition === undefined ? "the whole disk" : `partition ${finding.partition}`;
  return `${NAMES[finding.kind]} on ${where}`;
}

const NAMES: Readonly<Record<Finding["kind"], string>> = {
  bitlocker: "BitLocker",
  luks: "LUKS",
  linuxRaid: "Linux RAID",
  intelRaid: "Intel RAID",
  ddfRaid: "DDF RAID",
  lvm: "LVM",
  windowsDynamic: "a Windows dynamic volume",
  storageSpaces: "Storage Spaces",
  zfs: "ZFS",
};
