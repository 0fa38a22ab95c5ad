import type { Ipv4, Mac } from "@ingot/wire";
import type { BootServer } from "./boot-server.ts";
import { pauseLine, refetchLines } from "./retry.ts";
import { checkedIscsiName, checkedPort, scriptFrom, shown } from "./script-text.ts";

/** What a diskless machine needs to reach its disk. */
export interface DisklessScriptInput {
  readonly mac: Mac;
  readonly machineName: string;
  /** `debian-lab:3`. */
  readonly imageRef: string;
  readonly server: BootServer;
  readonly disk: {
    readonly address: Ipv4;
    readonly port: number;
    /** The target's IQN. Its only LUN is 0. */
    readonly target: string;
  };
  readonly initiatorIqn: string;
  /**
   * Whether the disk's address is in the machine's own subnet. Then the gateway is taken out of what the operating
   * system inherits (iBFT): Windows would add a host route and send the disk's traffic through the router (ipxe#1599).
   */
  readonly diskIsOnLink: boolean;
  /** The target demands CHAP: iPXE asks the person at the machine. A secret never stands in a script, which anybody can fetch. */
  readonly chap?: boolean;
}

/** Seconds to wait after each failed attempt, before jitter. About a minute in all; then the server is asked again. */
const RETRY_SECONDS: readonly number[] = [2, 5, 10, 20];

/**
 * The script that boots a machine from its iSCSI disk, by the disk's own boot loader: its boot sector with BIOS,
 * `\EFI\BOOT\BOOT*.EFI` with UEFI. A machine that fails tries again with growing pauses, then asks the server for a new
 * script, for ever: nobody stands before it to press a key. The pauses differ from machine to machine so
 * that a room that lost its server does not come back as one.
 */
export function disklessScript(input: DisklessScriptInput): string {
  const { address, port, target } = input.disk;
  const name = shown(input.machineName);
  const rootPath = `iscsi:${address}::${checkedPort(port, "iSCSI portal")}:0:${checkedIscsiName(target)}`;
  const lines = [
    "echo",
    `echo Ingot: ${name} boots ${shown(input.imageRef)} from the network`,
    `set initiator-iqn ${checkedIscsiName(input.initiatorIqn)}`,
    // "netX" is the network card that iPXE opened last: the one that boots, which need not be net0.
    ...(input.diskIsOnLink ? ["clear netX.dhcp/gateway:ipv4 ||"] : []),
  ];
  for (const seconds of RETRY_SECONDS) {
    lines.push(
      ...(input.chap === true ? ["echo This disk is locked: name and secret, please", "login ||"] : []),
      `sanboot --drive 0x80 ${rootPath} ||`,
      "echo",
      `echo Ingot: ${name} could not boot its disk. The reason stands above.`,
      `echo Disk: ${rootPath}`,
      pauseLine(input.mac, seconds),
    );
  }
  lines.push(...refetchLines(input.server, input.mac));
  return scriptFrom(lines);
}
