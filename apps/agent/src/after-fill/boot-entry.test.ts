import { expect, test } from "vitest";
import { chooseLoader, orderWith, parseBootVariables } from "./boot-entry.ts";

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
      { number: "0000", label: "UiApp" },
      { number: "0001", label: "UEFI QEMU HARDDISK QM00001" },
      { number: "0002", label: "EFI Internal Shell" },
      { number: "0003", label: "UEFI PXEv4 (MAC:525400123456)" },
      { number: "000A", label: "Ingot disk" },
    ],
  });
});

test("the disk comes right behind the network, which stays in front", () => {
  const variables = parseBootVariables(OUTPUT);
  expect(orderWith(variables, "000A")).toEqual(["0000", "0003", "000A", "0001", "0002"]);
  expect(orderWith({ ...variables, current: undefined }, "000A")).toEqual(["000A", "0000", "0003", "0001", "0002"]);
  expect(orderWith({ order: [], current: "0003", entries: [] }, "000A")).toEqual(["000A"]);
});

test.each([
  [["EFI/BOOT/BOOTX64.EFI", "EFI/debian/grubx64.efi", "EFI/debian/shimx64.efi"], "\\EFI\\debian\\shimx64.efi"],
  [["EFI/Boot/bootx64.efi", "EFI/Microsoft/Boot/bootmgfw.efi"], "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"],
  [["efi/boot/BOOTAA64.EFI", "startup.nsh"], "\\efi\\boot\\BOOTAA64.EFI"],
  [["EFI/BOOT/readme.txt"], undefined],
])("the loader among %j", (files, loader) => {
  expect(chooseLoader(files)).toBe(loader);
});
