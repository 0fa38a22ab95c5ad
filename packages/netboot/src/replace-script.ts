import type { Mac } from "@ingot/wire";
import { fileUrl, scriptUrl } from "./boot-server.ts";
import type { BootServer } from "./boot-server.ts";
import { OWN_USER_CLASS } from "./firmware.ts";
import { DEBIAN_BOOT_PROGRAMS } from "./quirks.ts";
import type { BootPrograms } from "./quirks.ts";
import { scriptFrom } from "./script-text.ts";

/** Whom the two scripts are for. */
export interface ReplaceScriptInput {
  readonly mac: Mac;
  readonly server: BootServer;
  readonly programs?: BootPrograms;
}

/**
 * Runs in the iPXE of a BIOS network card's ROM: starts ours as a Linux kernel, with the hand-over script as its initrd,
 * which iPXE runs in place of its own first step. When that fails the ROM's iPXE tries the ordinary script itself.
 */
export function replaceScript({ mac, server, programs = DEBIAN_BOOT_PROGRAMS }: ReplaceScriptInput): string {
  return scriptFrom([
    "echo Ingot: putting another iPXE in the place of the network card's",
    `kernel ${fileUrl(server, programs.biosKernel)} || goto stay`,
    `initrd ${scriptUrl(server, { mac, stage: "handover" })} || goto stay`,
    "boot ||",
    ":stay",
    "imgfree ||",
    `chain --replace --autofree ${scriptUrl(server, { mac })}`,
  ]);
}

/**
 * Runs in our iPXE: takes the private user class, so that the DHCP server sees who asks and does not replace it once
 * more; finds the network card that booted by its MAC address, whatever its number is here; and goes on with the ordinary script.
 */
export function handoverScript({ mac, server }: ReplaceScriptInput): string {
  return scriptFrom([
    `set user-class ${OWN_USER_CLASS}`,
    ":start",
    "set idx:int32 0",
    ":next",
    "isset ${net${idx}/mac} || goto missing",
    `iseq \${net\${idx}/mac} ${mac} && goto found ||`,
    "inc idx",
    "goto next",
    ":found",
    "ifconf --configurator dhcp net${idx} || goto retry",
    `chain --replace --autofree ${scriptUrl(server, { mac })} ||`,
    ":retry",
    "prompt --timeout 5000 Ingot: no answer from the server, trying again in 5 s ||",
    "goto start",
    ":missing",
    `echo Ingot: this iPXE has no driver for the network card ${mac}`,
    "prompt --timeout 10000 The machine's next boot device follows in 10 s ||",
    "exit 1",
  ]);
}
