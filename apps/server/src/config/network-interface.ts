import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseIpv4Network, type Ipv4Network } from "@ingot/wire";
import { ServerError } from "../errors.ts";

/** The boot interface: its name and the first IPv4 address on it. */
export interface BootInterface {
  readonly name: string;
  readonly network: Ipv4Network;
}

/** Looks an interface up by name; throws `ServerError` code `interface` when it is missing or has no IPv4 address. */
export function findInterface(name: string): BootInterface {
  const all = networkInterfaces();
  const addresses = all[name];
  if (addresses === undefined) {
    const known = Object.keys(all).join(", ") || "none";
    throw new ServerError(
      "interface",
      `--interface ${name}: no such interface that is up and has an address (there are: ${known})`,
    );
  }
  const ipv4 = addresses.find((entry) => entry.family === "IPv4" && entry.cidr !== null);
  if (ipv4?.cidr === null || ipv4 === undefined) {
    throw new ServerError(
      "interface",
      `--interface ${name}: it has no IPv4 address; give it one, e.g. ip address add 10.0.0.1/24 dev ${name}`,
    );
  }
  return { name, network: parseIpv4Network(ipv4.cidr) };
}

/** How often an interface without a link is looked at again. */
const LINK_POLL_MS = 500;

/**
 * As {@link findInterface}, but waits where the interface exists and has no link yet: after a power cut the server is often up
 * before the switch is. `onWait` is called once, before the waiting begins.
 */
export async function interfaceWithLink(name: string, onWait: () => void): Promise<BootInterface> {
  // The system lists interfaces with a link only.
  const isThere = (): boolean => existsSync(`/sys/class/net/${name}`);
  const hasLink = (): boolean => networkInterfaces()[name] !== undefined;
  if (isThere() && !hasLink()) onWait();
  while (isThere() && !hasLink()) await delay(LINK_POLL_MS);
  return findInterface(name);
}
