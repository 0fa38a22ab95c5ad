/** Which firmware a virtual machine starts with. */
export type MachineFirmware = "bios" | "uefi";

/** A raw disk image as a disk of a virtual machine, written through. Its number, from 0, is the place in its machine's list. */
export interface MachineDisk {
  readonly file: string;
  /** What the machine can tell it from its other disks by; NVMe needs one. */
  readonly serial?: string;
  /** Default "virtio"; "nvme" tells of its health (SMART). */
  readonly bus?: "virtio" | "nvme";
  /** What a block address counts; default 512. */
  readonly sectorBytes?: 512 | 4096;
  /** Every write of this sector (of 512 bytes) fails. */
  readonly badSector?: number;
}

/** What a virtual machine is made of. */
export interface MachineHardware {
  readonly name: string;
  readonly firmware: MachineFirmware;
  /** Colon-separated MAC address of its one NIC. */
  readonly mac: string;
  /** Tap in the namespace that the machine runs in. */
  readonly tap: string;
  /** SMBIOS UUID. */
  readonly uuid?: string;
  /** Memory in MiB; default 1024. */
  readonly memoryMiB?: number;
  /** Virtual CPUs; default 1. */
  readonly cpuCount?: number;
  /** Default "tcg", which works everywhere; nested "kvm" has been seen to stall in iPXE. */
  readonly accelerator?: "tcg" | "kvm";
  /** QEMU's NIC model; default "virtio-net-pci". */
  readonly nicModel?: string;
  /**
   * The NIC's option ROM. Default: for BIOS the one of QEMU, which is iPXE (user class "iPXE", so it asks for a script, never
   * for a first boot program); for UEFI none, so that the firmware's own PXE and HTTP boot is what is tried.
   */
  readonly romFile?: string;
  /**
   * What UEFI firmware tries first from the network; default "pxe". OVMF always makes the boot entries PXEv4, PXEv6, HTTPv4,
   * HTTPv6 of a NIC in this order. "http" takes IPv4 and IPv6 PXE away by OVMF's fw_cfg switches, so that HTTP comes first.
   */
  readonly networkBoot?: "pxe" | "http";
  /** Added after the NIC in boot order. Text is a disk's file. */
  readonly disks?: readonly (string | MachineDisk)[];
  /** A kernel started directly instead of by the firmware's boot order. */
  readonly kernel?: { readonly file: string; readonly initrd?: string; readonly commandLine?: string };
  /** Further arguments of qemu-system-x86_64. */
  readonly extraArguments?: readonly string[];
}

/** Files that a running virtual machine uses. */
export interface MachineFiles {
  readonly serialSocket: string;
  readonly serialLog: string;
  readonly monitorSocket: string;
  /** UEFI: read-only firmware code and this machine's own variables. */
  readonly firmwareCode?: string;
  readonly firmwareVariables?: string;
}

/**
 * The command line of qemu-system-x86_64. The machine is created paused, so that nothing of its console is missed.
 * `graphics=off` makes SeaBIOS and everything that prints through the BIOS appear on the serial port as well.
 */
export function machineArguments(hardware: MachineHardware, files: MachineFiles): string[] {
  const { kernel } = hardware;
  const uefi = hardware.firmware === "uefi";
  return [
    ...option("-name", hardware.name),
    "-nodefaults",
    "-no-user-config",
    "-S",
    ...option("-display", "none"),
    ...option("-device", "VGA"),
    ...option("-machine", `${uefi ? "q35" : "pc"},graphics=off`),
    ...option("-accel", hardware.accelerator ?? "tcg"),
    ...(hardware.accelerator === "kvm" ? option("-cpu", "host") : []),
    ...option("-smp", String(hardware.cpuCount ?? 1)),
    ...option("-m", `${hardware.memoryMiB ?? 1024}M`),
    ...(hardware.uuid === undefined ? [] : option("-uuid", hardware.uuid)),
    ...(uefi ? flash(files) : []),
    ...(hardware.networkBoot === "http" ? withoutPxe() : []),
    ...option("-chardev", `socket,id=serial0,path=${files.serialSocket},server=on,wait=off,logfile=${files.serialLog}`),
    ...option("-serial", "chardev:serial0"),
    ...option("-qmp", `unix:${files.monitorSocket},server=on,wait=off`),
    ...option("-netdev", `tap,id=net0,ifname=${hardware.tap},script=no,downscript=no`),
    ...option("-device", networkCard(hardware)),
    ...option("-device", "virtio-rng-pci"),
    ...option("-boot", "strict=on"),
    ...(hardware.disks ?? []).flatMap(disk),
    ...(kernel === undefined ? [] : option("-kernel", kernel.file)),
    ...(kernel?.initrd === undefined ? [] : option("-initrd", kernel.initrd)),
    ...(kernel?.commandLine === undefined ? [] : option("-append", kernel.commandLine)),
    ...(hardware.extraArguments ?? []),
  ];
}

function option(name: string, value: string): [string, string] {
  return [name, value];
}

function networkCard(hardware: MachineHardware): string {
  const rom = hardware.romFile ?? (hardware.firmware === "uefi" ? "" : undefined);
  const device = `${hardware.nicModel ?? "virtio-net-pci"},netdev=net0,mac=${hardware.mac},bootindex=1`;
  return rom === undefined ? device : `${device},romfile=${rom}`;
}

function flash(files: MachineFiles): string[] {
  return [
    ...option("-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${files.firmwareCode}`),
    ...option("-drive", `if=pflash,format=raw,unit=1,file=${files.firmwareVariables}`),
  ];
}

function withoutPxe(): string[] {
  return ["IPv4PXESupport", "IPv6PXESupport"].flatMap((name) =>
    option("-fw_cfg", `name=opt/org.tianocore/${name},string=n`),
  );
}

function disk(wanted: string | MachineDisk, index: number): string[] {
  const { file, serial, bus, sectorBytes, badSector }: MachineDisk =
    typeof wanted === "string" ? { file: wanted } : wanted;
  const model = bus === "nvme" ? "nvme" : "virtio-blk-pci";
  const device = [`${model},id=${diskDevice(index)},drive=disk${index},bootindex=${index + 2}`];
  if (serial !== undefined) device.push(`serial=${serial}`);
  if (sectorBytes !== undefined) device.push(`logical_block_size=${sectorBytes},physical_block_size=${sectorBytes}`);
  const place = badSector === undefined ? [`file=${file}`] : failing(file, badSector);
  const drive = ["if=none", `id=disk${index}`, "format=raw,cache=writethrough,discard=unmap", ...place];
  return [...option("-drive", drive.join(",")), ...option("-device", device.join(","))];
}

/** QEMU's block driver for such tests; docs/devel/blkdebug.txt of its source. */
function failing(file: string, sector: number): string[] {
  const rule = { event: "none", iotype: "write", sector, errno: 5 };
  return [
    "file.driver=blkdebug,file.image.driver=file",
    `file.image.filename=${file}`,
    ...Object.entries(rule).map(([name, value]) => `file.inject-error.0.${name}=${value}`),
  ];
}

/** What the monitor calls a disk, by its number. */
export function diskDevice(index: number): string {
  return `plug${index}`;
}
