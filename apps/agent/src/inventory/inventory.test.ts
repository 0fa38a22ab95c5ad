import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { RootedFiles } from "../system/system-files.ts";
import { readDisks } from "./disks.ts";
import { readDmi } from "./dmi.ts";
import { readFirmware } from "./firmware.ts";
import { readNics } from "./nics.ts";
import { readPower } from "./power.ts";
import { readProcessor } from "./processor.ts";
import { parseSmartctl } from "./smart.ts";

const roots: string[] = [];
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A tree of files; a value that begins with `->` is a link. */
function machine(tree: Readonly<Record<string, string | Uint8Array>>): RootedFiles {
  const root = mkdtempSync(join(tmpdir(), "ingot-inventory-"));
  roots.push(root);
  for (const [path, content] of Object.entries(tree)) {
    const at = join(root, path);
    mkdirSync(dirname(at), { recursive: true });
    if (typeof content === "string" && content.startsWith("->")) symlinkSync(content.slice(2), at);
    else writeFileSync(at, content);
  }
  return new RootedFiles(root);
}

const ATA = "sys/devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda";
const SATA_DISK = {
  "sys/block/sda": "->../devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0/block/sda",
  [`${ATA}/size`]: "1000215216\n",
  [`${ATA}/dev`]: "8:0\n",
  [`${ATA}/removable`]: "0\n",
  [`${ATA}/ro`]: "0\n",
  [`${ATA}/queue/logical_block_size`]: "512\n",
  [`${ATA}/queue/physical_block_size`]: "4096\n",
  [`${ATA}/queue/rotational`]: "0\n",
  [`${ATA}/device/model`]: "Samsung SSD 870 \n",
  [`${ATA}/device/wwid`]: "naa.5002538E00000001\n",
  [`${ATA}/device/vpd_pg80`]: new Uint8Array([0, 0x80, 0, 6, 0x20, 0x20, 0x53, 0x34, 0x45, 0x56]),
  [`${ATA}/sda1/partition`]: "1\n",
  [`${ATA}/sda1/dev`]: "8:1\n",
};

test("a SATA disk is described from sysfs alone", () => {
  expect(readDisks(machine(SATA_DISK))).toEqual([
    {
      name: "sda",
      path: "/dev/sda",
      sizeBytes: 1000215216 * 512,
      logicalSectorBytes: 512,
      physicalSectorBytes: 4096,
      rotational: false,
      removable: false,
      readOnly: false,
      transport: "sata",
      usedBy: [],
      writtenBy: [],
      signatures: [],
      health: { verdict: "unknown" },
      wwn: "5002538e00000001",
      serial: "S4EV",
      model: "Samsung SSD 870",
    },
  ]);
});

test("a mounted partition, swap and a LUKS device on it are uses of the disk", () => {
  const files = machine({
    ...SATA_DISK,
    "proc/self/mountinfo": "36 35 8:1 / /mnt/data rw,noatime master:1 - ext4 /dev/sda1 rw\n",
    "proc/swaps": "Filename\tType\n/dev/sda1 partition 1 0 -2\n",
    [`${ATA}/sda1/holders/dm-0`]: "",
    "sys/block/dm-0/dm/name": "cryptroot\n",
    "sys/block/dm-0/size": "100\n",
  });
  expect(readDisks(files).map((disk) => disk.usedBy)).toEqual([["/mnt/data", "swap", "cryptroot"]]);
});

test.each([
  ["a file system that is mounted for writing", "rw,noatime", "rw", ["/mnt/data"]],
  ["one that is mounted for writing and that this service may only read", "ro", "rw,errors=remount-ro", ["/mnt/data"]],
  ["one that is mounted read-only", "ro", "ro,norecovery", []],
])("%s: the disk is written to by %s", (_what, mount, options, writers) => {
  const files = machine({
    ...SATA_DISK,
    "proc/self/mountinfo": `36 35 8:1 / /mnt/data ${mount} master:1 - ext4 /dev/sda1 ${options}\n`,
  });
  expect(readDisks(files)).toMatchObject([{ usedBy: ["/mnt/data"], writtenBy: writers }]);
});

test("loop devices, optical drives and card readers without a card are no disks", () => {
  const files = machine({
    "sys/block/loop0/size": "100\n",
    "sys/block/sr0/size": "100\n",
    "sys/block/sdb/size": "0\n",
    "sys/block/zram0/size": "100\n",
  });
  expect(readDisks(files)).toEqual([]);
});

test("virtio and NVMe disks of 4096-byte sectors, and a WWN that only udev knows", () => {
  const files = machine({
    "sys/block/nvme0n1/size": "2048\n",
    "sys/block/nvme0n1/queue/logical_block_size": "4096\n",
    "sys/block/nvme0n1/wwid": "eui.0025385b71b0d9c1\n",
    "sys/block/nvme0n1/device/serial": "S4EWNX0M  \n",
    "sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/size": "2048\n",
    "sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/serial": "ingot-disk\n",
    "sys/block/vda": "->../devices/pci0000:00/0000:00:02.0/virtio1/block/vda",
    "dev/vda": "",
    "dev/disk/by-id/wwn-0x5000c50012345678": "->../../vda",
  });
  expect(readDisks(files)).toMatchObject([
    { name: "nvme0n1", transport: "nvme", logicalSectorBytes: 4096, wwn: "0025385b71b0d9c1", serial: "S4EWNX0M" },
    { name: "vda", transport: "virtio", wwn: "5000c50012345678", serial: "ingot-disk" },
  ]);
});

test("an iSCSI disk and a USB disk are told from local ones by their path", () => {
  const iscsi = "devices/platform/host3/session1/target3:0:0/3:0:0:0/block/sdb";
  const usb = "devices/pci0000:00/0000:00:14.0/usb2/2-1/host4/target4:0:0/4:0:0:0/block/sdc";
  const files = machine({
    [`sys/${iscsi}/size`]: "8\n",
    "sys/block/sdb": `->../${iscsi}`,
    [`sys/${usb}/size`]: "8\n",
    "sys/block/sdc": `->../${usb}`,
  });
  expect(readDisks(files).map((disk) => disk.transport)).toEqual(["iscsi", "usb"]);
});

test("fillers that vendors leave in the DMI are not facts", () => {
  const id = "sys/class/dmi/id";
  const files = machine({
    [`${id}/product_uuid`]: "03000200-0400-0500-0006-000700080009\n",
    [`${id}/sys_vendor`]: "Dell Inc.\n",
    [`${id}/product_name`]: "To Be Filled By O.E.M.\n",
    [`${id}/product_serial`]: "0000000\n",
    [`${id}/board_serial`]: "CN-0ABC\n",
    [`${id}/chassis_asset_tag`]: " \n",
  });
  expect(readDmi(files)).toEqual({ vendor: "Dell Inc.", boardSerial: "CN-0ABC" });
  expect(readDmi(machine({ [`${id}/product_uuid`]: "4C4C4544-0035-4810-8051-B4C04F4E3132\n" }))).toEqual({
    uuid: "4c4c4544-0035-4810-8051-b4c04f4e3132",
  });
});

test("only hardware counts as a network card", () => {
  const files = machine({
    "sys/class/net/lo/address": "00:00:00:00:00:00\n",
    "sys/class/net/br0/address": "52:54:00:00:00:09\n",
    "sys/class/net/eth0/device/vendor": "",
    "sys/class/net/eth0/address": "52:54:00:12:34:56\n",
    "sys/class/net/eth0/addr_assign_type": "0\n",
    "sys/class/net/eth0/carrier": "1\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/eth1/device/vendor": "",
    "sys/class/net/eth1/address": "52:54:00:12:34:57\n",
    "sys/class/net/eth1/speed": "-1\n",
  });
  const address = { address: "10.0.0.7", family: "IPv4", netmask: "", mac: "", internal: false, cidr: null } as const;
  expect(readNics(files, { eth0: [address] })).toEqual([
    { name: "eth0", mac: "52:54:00:12:34:56", permanent: true, link: true, speedMbit: 1000, addresses: ["10.0.0.7"] },
    { name: "eth1", mac: "52:54:00:12:34:57", permanent: false, link: false, addresses: [] },
  ]);
});

const VARIABLE = "8be4df61-93ca-11d2-aa0d-00e098032b8c";

test.each([
  ["BIOS", {}, { mode: "bios", secureBoot: "unsupported" }],
  [
    "UEFI with Secure Boot and a TPM",
    {
      "sys/firmware/efi/fw_platform_size": "64\n",
      [`sys/firmware/efi/efivars/SecureBoot-${VARIABLE}`]: new Uint8Array([6, 0, 0, 0, 1]),
      "sys/class/tpm/tpm0/tpm_version_major": "2\n",
    },
    { mode: "uefi", bits: 64, secureBoot: "enabled", tpm: "2.0" },
  ],
  [
    "32-bit UEFI in setup mode",
    {
      "sys/firmware/efi/fw_platform_size": "32\n",
      [`sys/firmware/efi/efivars/SecureBoot-${VARIABLE}`]: new Uint8Array([6, 0, 0, 0, 0]),
      [`sys/firmware/efi/efivars/SetupMode-${VARIABLE}`]: new Uint8Array([6, 0, 0, 0, 1]),
    },
    { mode: "uefi", bits: 32, secureBoot: "setup" },
  ],
  [
    "UEFI without efivarfs",
    { "sys/firmware/efi/fw_platform_size": "64\n" },
    { mode: "uefi", bits: 64, secureBoot: "unknown" },
  ],
])("firmware: %s", (_what, tree, facts) => {
  expect(readFirmware(machine(tree))).toEqual(facts);
});

test("a laptop on battery; a mouse's battery is not the laptop's", () => {
  const supply = "sys/class/power_supply";
  const files = machine({
    [`${supply}/AC/type`]: "Mains\n",
    [`${supply}/AC/online`]: "0\n",
    [`${supply}/BAT0/type`]: "Battery\n",
    [`${supply}/BAT0/capacity`]: "55\n",
    [`${supply}/hid-mouse/type`]: "Battery\n",
    [`${supply}/hid-mouse/scope`]: "Device\n",
    [`${supply}/hid-mouse/capacity`]: "3\n",
  });
  expect(readPower(files)).toEqual({ batteryPercent: 55, mains: false });
  expect(readPower(machine({}))).toEqual({ mains: true });
});

test("processor and memory", () => {
  const files = machine({
    "proc/cpuinfo":
      "processor\t: 0\nmodel name\t: Intel(R) Xeon(R)\nflags\t\t: fpu aes sha_ni avx2\nprocessor\t: 1\nmodel name\t: x\n",
    "proc/meminfo": "MemTotal:        8126464 kB\nMemFree: 1 kB\n",
  });
  expect(readProcessor(files)).toEqual({
    model: "Intel(R) Xeon(R)",
    threads: 2,
    features: ["aes", "avx2", "sha_ni"],
    memoryBytes: 8126464 * 1024,
  });
});

test("SMART: a failing ATA disk, an NVMe disk, and disks that do not answer", () => {
  const table = [
    { id: 5, name: "Reallocated_Sector_Ct", raw: { value: 712 } },
    { id: 9, name: "Power_On_Hours", raw: { value: 1 } },
  ];
  expect(parseSmartctl(JSON.stringify({ smart_status: { passed: false }, ata_smart_attributes: { table } }))).toEqual({
    verdict: "failing",
    counts: { Reallocated_Sector_Ct: 712 },
  });
  const log = { critical_warning: 0, available_spare: 100, percentage_used: 3, media_errors: 0 };
  expect(
    parseSmartctl(
      JSON.stringify({
        smart_status: { passed: true, nvme: { value: 0 } },
        temperature: { current: 35 },
        power_on_time: { hours: 900 },
        nvme_smart_health_information_log: log,
      }),
    ),
  ).toEqual({ verdict: "passed", counts: log, temperatureCelsius: 35, powerOnHours: 900 });
  expect(parseSmartctl('{"smartctl":{"exit_status":2}}')).toEqual({ verdict: "unknown" });
  expect(parseSmartctl("")).toEqual({ verdict: "unknown" });
});
