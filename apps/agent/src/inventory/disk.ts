import type { DiskTransport as ReportedTransport } from "@ingot/api";

/** How a disk is attached: what reports know, and disks that are another machine's. */
export type DiskTransport = ReportedTransport | "iscsi";

/** One whole disk. */
export interface Disk {
  /** The kernel's name for it, valid until the next boot only: never a way to choose a disk. */
  readonly name: string;
  /** Device file of this boot. */
  readonly path: string;
  /** World Wide Name without prefix, lower-case hex: `5000c500a1b2c3d4`; for NVMe the EUI-64 or NGUID. */
  readonly wwn?: string;
  readonly serial?: string;
  readonly model?: string;
  readonly sizeBytes: number;
  /** What one block address of the disk counts: 512 or 4096. */
  readonly logicalSectorBytes: number;
  readonly physicalSectorBytes: number;
  readonly rotational: boolean;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly transport: DiskTransport;
  /** What uses the disk or a part of it now: mount points, `swap`, names of RAID, LVM or LUKS devices on it. */
  readonly usedBy: readonly string[];
  /** Those of them by which it may be changing now. */
  readonly writtenBy: readonly string[];
  /** Signatures of volumes that are not to be lost unawares: `BitLocker on partition 3`. Empty until the disk was read. */
  readonly signatures: readonly string[];
  readonly health: DiskHealth;
}

/** What a disk says about itself (SMART). */
export interface DiskHealth {
  /** `unknown`: no smartctl, or a disk that does not answer it, as virtual ones do. */
  readonly verdict: "passed" | "failing" | "unknown";
  /** Sectors that were replaced, that wait for it, and other counts worth a look, by name. */
  readonly counts?: Readonly<Record<string, number>>;
  readonly temperatureCelsius?: number;
  readonly powerOnHours?: number;
}

/** A disk in one line, as refusals list them. */
export function describeDisk(disk: Disk): string {
  const size = `${(disk.sizeBytes / 1e9).toFixed(1)} GB`;
  const parts = [disk.name, size, disk.model, disk.transport, disk.rotational ? "hdd" : "ssd"];
  if (disk.serial !== undefined) parts.push(`serial=${disk.serial}`);
  if (disk.wwn !== undefined) parts.push(`wwn=${disk.wwn}`);
  if (disk.removable) parts.push("removable");
  if (disk.readOnly) parts.push("read-only");
  if (disk.usedBy.length > 0) parts.push(`in use: ${disk.usedBy.join(", ")}`);
  return parts.filter((part) => part !== undefined).join(" ");
}

/** A disk's health in one line, for reports; `undefined` where it says nothing. */
export function describeHealth(health: DiskHealth): string | undefined {
  if (health.verdict === "unknown") return undefined;
  const parts = [health.verdict, ...Object.entries(health.counts ?? {}).map(([name, count]) => `${name} ${count}`)];
  if (health.temperatureCelsius !== undefined) parts.push(`${health.temperatureCelsius} °C`);
  if (health.powerOnHours !== undefined) parts.push(`${health.powerOnHours} h powered on`);
  return parts.join(", ");
}
