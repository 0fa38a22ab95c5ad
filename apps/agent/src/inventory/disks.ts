import { hexFromBytes } from "@ingot/wire";
import type { SystemFiles } from "../system/system-files.ts";
import type { Disk, DiskTransport } from "./disk.ts";
import { readUses, type DiskUses } from "./disk-uses.ts";

/** The `size` of a disk in sysfs counts these whatever the disk's own sectors are. */
const SYSFS_SECTOR_BYTES = 512;
/** Not disks of this machine: loop and RAM devices, layers over other disks, optical and floppy drives, boot areas of eMMC. */
const NOT_DISKS = /^(loop|ram|zram|dm-|md|sr|fd|nbd|drbd|zd|mtdblock|mmcblk\d+(boot\d|rpmb|gp\d))/;

/** All whole disks from `/sys/block`, sorted by kernel name. Their health is `unknown` until `readHealth` asked them. */
export function readDisks(files: SystemFiles): readonly Disk[] {
  const uses = readUses(files);
  const disks: Disk[] = [];
  for (const name of files.list("/sys/block")) {
    if (NOT_DISKS.test(name)) continue;
    const disk = readDisk(files, name, uses);
    if (disk !== undefined) disks.push(disk);
  }
  return disks;
}

function readDisk(files: SystemFiles, name: string, uses: DiskUses): Disk | undefined {
  const at = `/sys/block/${name}`;
  const flag = (path: string): boolean => files.readText(`${at}/${path}`) === "1";
  const sizeBytes = Number(files.readText(`${at}/size`) ?? 0) * SYSFS_SECTOR_BYTES;
  // A card reader without a card is a disk of size 0.
  if (!(sizeBytes > 0)) return undefined;
  const logicalSectorBytes = Number(files.readText(`${at}/queue/logical_block_size`) ?? SYSFS_SECTOR_BYTES);
  const wwn = readWwn(files, at) ?? wwnById(files, name);
  const serial = readSerial(files, at);
  const model = files.readText(`${at}/device/model`)?.replaceAll(/\s+/g, " ") ?? files.readText(`${at}/device/name`);
  return {
    name,
    path: `/dev/${name}`,
    sizeBytes,
    logicalSectorBytes,
    physicalSectorBytes: Number(files.readText(`${at}/queue/physical_block_size`) ?? logicalSectorBytes),
    rotational: flag("queue/rotational"),
    removable: flag("removable"),
    readOnly: flag("ro"),
    transport: transportOf(files, files.resolve(at) ?? "", name),
    usedBy: uses.of(name),
    writtenBy: uses.writersOf(name),
    signatures: [],
    health: { verdict: "unknown" },
    ...(wwn === undefined ? {} : { wwn }),
    ...(serial === undefined || serial === "" ? {} : { serial }),
    ...(model === undefined || model === "" ? {} : { model }),
  };
}

/** `wwid` reads `naa.5000…`, `eui.0025…`, `uuid.…`, or `t10.ATA …`, which is model and serial and not a WWN. */
function readWwn(files: SystemFiles, at: string): string | undefined {
  const text = files.readText(`${at}/wwid`) ?? files.readText(`${at}/device/wwid`);
  const found = /^(?:naa|eui|uuid|nvme)\.([0-9a-fA-F-]{8,})$/.exec(text ?? "")?.[1];
  return found?.replaceAll("-", "").toLowerCase();
}

/** Where the kernel does not say, udev may have asked the disk itself. */
function wwnById(files: SystemFiles, name: string): string | undefined {
  for (const link of files.list("/dev/disk/by-id")) {
    const found = /^(?:wwn-0x|nvme-eui\.)([0-9a-f]+)$/.exec(link)?.[1];
    if (found !== undefined && files.resolve(`/dev/disk/by-id/${link}`) === `/dev/${name}`) return found;
  }
  return undefined;
}

/** NVMe and eMMC: below the device; virtio: beside the queue; SCSI and SATA: vital product data page 0x80 (SPC-4 §7.8.19). */
function readSerial(files: SystemFiles, at: string): string | undefined {
  const text = files.readText(`${at}/device/serial`) ?? files.readText(`${at}/serial`);
  if (text !== undefined && text !== "") return text;
  const page = files.readBytes(`${at}/device/vpd_pg80`);
  if (page === undefined || page.length < 4) return undefined;
  const length = ((page[2] ?? 0) << 8) | (page[3] ?? 0);
  const serial = page.subarray(4, 4 + length);
  // Some USB bridges put binary rubbish there.
  const printable = serial.every((byte) => byte === 0 || (byte >= 0x20 && byte < 0x7f));
  return printable ? new TextDecoder().decode(serial).replaceAll("\0", "").trim() : hexFromBytes(serial);
}

/** Drivers of controllers that show the machine arrays instead of disks. */
const RAID_DRIVERS = /^(megaraid|megasas|hpsa|smartpqi|aacraid|cciss|3w-|arcmsr|mvumi)/;

/** The device's path in sysfs names every bus on the way; the one nearest to the disk that says something counts. */
function transportOf(files: SystemFiles, path: string, name: string): DiskTransport {
  if (name.startsWith("nvme")) return "nvme";
  if (name.startsWith("mmcblk")) return "mmc";
  if (/\/usb\d/.test(path)) return "usb";
  if (/\/session\d+\/target/.test(path)) return "iscsi";
  if (/\/ata\d+\//.test(path)) return "sata";
  if (/\/virtio\d+\/block\//.test(path)) return "virtio";
  const host = /\/(host\d+)\//.exec(path)?.[1];
  if (host !== undefined && RAID_DRIVERS.test(files.readText(`/sys/class/scsi_host/${host}/proc_name`) ?? ""))
    return "raid";
  if (/\/end_device-/.test(path)) return "sas";
  return host === undefined ? "other" : "scsi";
}
