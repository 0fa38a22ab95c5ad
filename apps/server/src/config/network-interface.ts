import { networkInterfaces } from "node:os";
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
