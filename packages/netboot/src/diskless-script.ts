import type { Ipv4, Mac } from "@ingot/wire";
import { macToBytes } from "@ingot/wire";
import { scriptUrl } from "./boot-server.ts";
import type { BootServer } from "./boot-server.ts";
import { checkedIscsiName, checkedPort, scriptFrom, shown } from "./script-text.ts";
import { SHELL_KEY } from "./shell-key.ts";

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

/** Seconds between questions to a server that does not answer. */
const REFETCH_SECONDS = 15;

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
    const pauseMs = seconds * 1000 + jitterMs(input.mac, seconds * 500);
    lines.push(
      ...(input.chap === true ? ["echo This disk is locked: name and secret, please", "login ||"] : []),
      `sanboot --drive 0x80 ${rootPath} ||`,
      "echo",
      `echo Ingot: ${name} could not boot its disk. The reason stands above.`,
      `echo Disk: ${rootPath}`,
      pauseLine(pauseMs),
    );
  }
  lines.push(
    ":refetch",
    "echo Ingot: asking the server again",
    `chain --replace --autofree ${scriptUrl(input.server, { mac: input.mac, failed: true })} ||`,
    pauseLine(REFETCH_SECONDS * 1000 + jitterMs(input.mac, REFETCH_SECONDS * 500)),
    // The server, or the way to it, may have changed: start from the address up.
    "ifconf --configurator dhcp netX ||",
    "goto refetch",
  );
  return scriptFrom(lines);
}

function pauseLine(ms: number): string {
  return `prompt --key ${SHELL_KEY} --timeout ${ms} Trying again in ${Math.round(ms / 1000)} s, Ctrl-B for the iPXE shell && shell ||`;
}

/** A number from 0 to `most`, the same for the same machine: a script is a pure function of its input. */
function jitterMs(mac: Mac, most: number): number {
  const hash = macToBytes(mac).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7);
  return hash % (most + 1);
}
