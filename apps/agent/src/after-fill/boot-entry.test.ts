import type { PartitionFacts } from "@ingot/chunks";
import { expect, test } from "vitest";
import type { Programs } from "../system/programs.ts";
import { chooseLoader, makeBootEntry, orderWith, parseBootVariables } from "./boot-entry.ts";

// efibootmgr 17, Debian 12, in QEMU with OVMF.
const OUTPUT = `BootCurrent: 0003
Timeout: 3 seconds
BootOrder: 0000,0003,0001,0002
Boot0000* UiApp
Boot0001* UEFI QEMU HARDDISK QM00001 \tPciRoot(0x0)/Pci(0x1f,0x2)/Sata(0,65535,0){auto_created_boot_option}
Boot0002  EFI Internal Shell
Boot0003* UEFI PXEv4 (MAC:525400123456)\tPciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)
Boot000A* Ingot disk\tHD(1,GPT,1c8f,0x800,0x4000)/File(\\EFI\\debian\\shimx64.efi)
`;

test("boot variables are read as efibootmgr prints them", () => {
  expect(parseBootVariables(OUTPUT)).toEqual({
    order: ["0000", "0003", "0001", "0002"],
    current: "0003",
    entries: [
      { number: "0000", label: "UiApp", path: "" },
      {
        number: "0001",
        label: "UEFI QEMU HARDDISK QM00001",
        path: "PciRoot(0x0)/Pci(0x1f,0x2)/Sata(0,65535,0){auto_created_boot_option}",
      },
      { number: "0002", label: "EFI Internal Shell", path: "" },
      {
        number: "0003",
        label: "UEFI PXEv4 (MAC:525400123456)",
        path: "PciRoot(0x0)/Pci(0x2,0x0)/MAC(525400123456,1)",
      },
      { number: "000A", label: "Ingot disk", path: "HD(1,GPT,1c8f,0x800,0x4000)/File(\\EFI\\debian\\shimx64.efi)" },
    ],
  });
});

test("the network from which the agent was started comes first, the disk right behind it", () => {
  const variables = parseBootVariables(OUTPUT);
  expect(orderWith(variables, "000A")).toEqual({ order: ["0003", "000A", "0000", "0001", "0002"], isReached: true });
  const diskFirst = parseBootVariables(OUTPUT.replace(/^BootOrder: .*$/m, "BootOrder: 000A,0001,0003"));
  expect(orderWith(diskFirst, "000A")).toEqual({ order: ["0003", "000A", "0001"], isReached: true });
});

// As printed on a laptop whose network card has no device path that names it.
const OPAQUE = `BootCurrent: 0019
BootOrder: 0001,0019
Boot0001* Windows Boot Manager\tHD(2,GPT,7a3c,0x109000,0x32000)/File(\\EFI\\Microsoft\\Boot\\bootmgfw.efi)
Boot0019* PCI LAN\tVenMsg(bc7838d2-0f82-4d60-8316-c068ee79d25b,78a84aaf2b2afc4ea79cf5cc8f3d3803)
`;

test("what started the agent and is no disk is a network", () => {
  expect(orderWith(parseBootVariables(OPAQUE), "000A")).toEqual({ order: ["0019", "000A", "0001"], isReached: true });
});

test("an agent that was started from a stick puts the disk first, unless the network is tried first", () => {
  const stick = `${OUTPUT}Boot0007* Stick\tPciRoot(0x0)/Pci(0x14,0x0)/USB(3,0)/HD(1,MBR,0x1,0x800,0x1000)\n`;
  const variables = parseBootVariables(stick.replace("BootCurrent: 0003", "BootCurrent: 0007"));
  expect(orderWith(variables, "000A")).toEqual({ order: ["000A", "0000", "0003", "0001", "0002"], isReached: false });
  const networkFirst = { ...variables, order: ["0003", "0001"] };
  expect(orderWith(networkFirst, "000A")).toEqual({ order: ["0003", "000A", "0001"], isReached: true });
  expect(orderWith({ order: [], current: undefined, entries: [] }, "000A")).toEqual({
    order: ["000A"],
    isReached: false,
  });
});

/** Firmware variables as efibootmgr(8) changes them. */
function firmware(): { readonly programs: Programs; readonly calls: string[] } {
  const calls: string[] = [];
  const programs: Programs = {
    run(program, args) {
      if (program === "losetup") return Promise.resolve({ status: 0, stdout: "/dev/loop9\n", stderr: "" });
      // The partition holds nothing that can be mounted.
      if (program !== "efibootmgr") return Promise.resolve({ status: 32, stdout: "", stderr: "" });
      if (args[0] === "--quiet") calls.push(args.slice(1).join(" "));
      return Promise.resolve({ status: 0, stdout: OUTPUT, stderr: "" });
    },
  };
  return { programs, calls };
}

const FACTS: PartitionFacts = {
  scheme: "gpt",
  diskId: "",
  partitions: [
    {
      number: 1,
      type: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
      firstLba: 2048,
      sectorCount: 2048,
      attributes: 0n,
      name: "",
    },
  ],
};

test.each([
  [true, ["--bootnum 000A --delete-bootnum", "--bootorder 0003,000A,0000,0001,0002", "--bootnext 000A"]],
  [false, ["--bootnum 000A --delete-bootnum", "--bootorder 0003,000A,0000,0001,0002"]],
])(
  "an entry of an earlier deployment goes; the next boot is the disk's only if it is told: %s",
  async (isNext, said) => {
    const { programs, calls } = firmware();
    const note = await makeBootEntry(programs, "/dev/sda", FACTS, isNext);
    expect(calls).toEqual(said);
    expect(note).toMatch(/^the firmware boots \\EFI\\BOOT\\BOOT[A-Z0-9]+\.EFI$/);
  },
);

test.each([
  [["EFI/BOOT/BOOTX64.EFI", "EFI/debian/grubx64.efi", "EFI/debian/shimx64.efi"], "\\EFI\\debian\\shimx64.efi"],
  [["EFI/Boot/bootx64.efi", "EFI/Microsoft/Boot/bootmgfw.efi"], "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"],
  [["efi/boot/BOOTAA64.EFI", "startup.nsh"], "\\efi\\boot\\BOOTAA64.EFI"],
  [["EFI/BOOT/readme.txt"], undefined],
])("the loader among %j", (files, loader) => {
  expect(chooseLoader(files)).toBe(loader);
});
