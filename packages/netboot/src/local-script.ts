import { scriptFrom, shown } from "./script-text.ts";

/**
 * The script that hands a machine to its own disk. BIOS: the first hard disk's boot sector. UEFI: back to the firmware
 * with a failure, because after a success UEFI stops walking through its boot order (UEFI 2.10 §3.1.1).
 */
export function localScript(input: { readonly machineName: string }): string {
  const name = shown(input.machineName);
  return scriptFrom([
    "echo",
    `echo Ingot: ${name} boots from its local disk`,
    "iseq ${platform} efi && exit 1 ||",
    "sanboot --no-describe --drive 0x80 ||",
    `echo Ingot: ${name} has no local disk that boots; the firmware's next boot device follows`,
    "exit 1",
  ]);
}
