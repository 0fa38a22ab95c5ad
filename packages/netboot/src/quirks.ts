import type { PxeStyle } from "@ingot/dhcp";

/** Where a machine needs something else than the others. Every field is optional: absent means the default. */
export interface Quirks {
  /** Boot program of UEFI machines: `snponly` uses the firmware's network driver (default), `ipxe` brings its own. */
  readonly uefiProgram?: "snponly" | "ipxe";
  /** How PXE firmware is told its boot file. Default `option43` for BIOS, `port4011` for UEFI. */
  readonly pxeStyle?: PxeStyle;
  /** BIOS only: put our iPXE in the place of the one in the network card's ROM, for ROMs too old to run the scripts. Default false. */
  readonly replaceFirmwareIpxe?: boolean;
}

/** The names of the boot programs, as the TFTP and HTTP servers know them. */
export interface BootPrograms {
  readonly bios: string;
  /** iPXE as a Linux kernel, for `replaceFirmwareIpxe`. */
  readonly biosKernel: string;
  readonly x64: { readonly snponly: string; readonly ipxe: string };
  /** Debian builds none for these; an operator can add them. */
  readonly ia32?: { readonly snponly: string; readonly ipxe: string };
  readonly arm64?: { readonly snponly: string; readonly ipxe: string };
}

/** The files of Debian's package `ipxe`. */
export const DEBIAN_BOOT_PROGRAMS: BootPrograms = {
  bios: "undionly.kpxe",
  biosKernel: "ipxe.lkrn",
  x64: { snponly: "snponly.efi", ipxe: "ipxe.efi" },
};
