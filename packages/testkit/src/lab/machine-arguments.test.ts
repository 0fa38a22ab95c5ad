import { expect, test } from "vitest";
import { machineArguments, type MachineHardware } from "./machine-arguments.ts";

const hardware: MachineHardware = { name: "m1", firmware: "bios", mac: "52:54:00:00:00:01", tap: "tap0" };
const files = { serialSocket: "/run/s", serialLog: "/run/l", monitorSocket: "/run/m" };
const firmware = { firmwareCode: "/fw/code", firmwareVariables: "/run/vars" };

function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_value, index) => args[index - 1] === option);
}

test("a BIOS machine keeps the NIC's own ROM; a UEFI machine's NIC has none, so that the firmware boots", () => {
  const bios = valuesOf(machineArguments(hardware, files), "-device");
  expect(bios).toContain("virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,bootindex=1");
  const uefi = machineArguments({ ...hardware, firmware: "uefi" }, { ...files, ...firmware });
  expect(valuesOf(uefi, "-device")).toContain("virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,bootindex=1,romfile=");
  expect(valuesOf(uefi, "-machine")).toEqual(["q35,graphics=off"]);
  expect(valuesOf(uefi, "-drive")).toHaveLength(2);
});

test("HTTP boot is chosen by taking PXE away from the firmware", () => {
  const args = machineArguments({ ...hardware, firmware: "uefi", networkBoot: "http" }, { ...files, ...firmware });
  expect(valuesOf(args, "-fw_cfg")).toEqual([
    "name=opt/org.tianocore/IPv4PXESupport,string=n",
    "name=opt/org.tianocore/IPv6PXESupport,string=n",
  ]);
});

test("disks come after the NIC in boot order", () => {
  const args = machineArguments({ ...hardware, disks: ["/a", { file: "/b" }] }, files);
  expect(valuesOf(args, "-device").filter((device) => device.includes("virtio-blk"))).toEqual([
    "virtio-blk-pci,id=plug0,drive=disk0,bootindex=2",
    "virtio-blk-pci,id=plug1,drive=disk1,bootindex=3",
  ]);
});

test("a disk has a serial number, large sectors, and a sector that cannot be written, where that is wanted", () => {
  const args = machineArguments(
    { ...hardware, disks: [{ file: "/a", serial: "s1", sectorBytes: 4096, badSector: 7 }] },
    files,
  );
  expect(valuesOf(args, "-device").at(-1)).toBe(
    "virtio-blk-pci,id=plug0,drive=disk0,bootindex=2,serial=s1,logical_block_size=4096,physical_block_size=4096",
  );
  expect(valuesOf(args, "-drive")).toEqual([
    "if=none,id=disk0,format=raw,cache=writethrough,discard=unmap,file.driver=blkdebug,file.image.driver=file,file.image.filename=/a," +
      "file.inject-error.0.event=none,file.inject-error.0.iotype=write,file.inject-error.0.sector=7,file.inject-error.0.errno=5",
  ]);
});
