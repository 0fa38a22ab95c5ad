import type { Mac } from "@ingot/wire";
import { macToBytes } from "@ingot/wire";
import { scriptUrl } from "./boot-server.ts";
import type { BootServer } from "./boot-server.ts";
import { SHELL_KEY } from "./shell-key.ts";

/** Seconds between questions to a server that does not answer. */
const REFETCH_SECONDS = 15;

/**
 * A pause of `seconds` and up to half as much again, by the machine's MAC address: a room that lost its server must not come
 * back as one. Ctrl-B opens iPXE's shell; leaving the shell goes on.
 */
export function pauseLine(mac: Mac, seconds: number): string {
  const ms = seconds * 1000 + jitterMs(mac, seconds * 500);
  return `prompt --key ${SHELL_KEY} --timeout ${ms} Trying again in ${Math.round(ms / 1000)} s, Ctrl-B for the iPXE shell && shell ||`;
}

/** Asks the server for a new script, for ever: nobody stands before the machine to press a key. Defines the label `refetch`. */
export function refetchLines(server: BootServer, mac: Mac): readonly string[] {
  return [
    ":refetch",
    "echo Ingot: asking the server again",
    `chain --replace --autofree ${scriptUrl(server, { mac, failed: true })} ||`,
    pauseLine(mac, REFETCH_SECONDS),
    // The server, or the way to it, may have changed: start from the address up.
    "ifconf --configurator dhcp netX ||",
    "goto refetch",
  ];
}

/** A number from 0 to `most`, the same for the same machine: a script is a pure function of its input. */
function jitterMs(mac: Mac, most: number): number {
  const hash = macToBytes(mac).reduce((sum, byte) => (sum * 31 + byte) % 65_521, 7);
  return hash % (most + 1);
}
