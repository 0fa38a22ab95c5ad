import type { BootNetwork } from "@ingot/control";
import { parseIpv4 } from "@ingot/wire";
import type { BootInterface } from "../config/network-interface.ts";
import type { Endpoint, ServeConfig } from "../config/serve-config.ts";

/** Where agents reach the server when nothing else is configured and there is a boot interface. */
const AGENT_PORT = 8472;

/** Without a boot interface everything stays on this machine. */
const LOOPBACK = parseIpv4("127.0.0.1");

/** Where machines reach boot files and disks, from the configuration. */
export function networkOf(config: ServeConfig, bootInterface: BootInterface | undefined): BootNetwork {
  const address = bootInterface?.network.address ?? LOOPBACK;
  const [iscsi = { address, port: 3260 }] = config.iscsi ?? [];
  return {
    server: { address, httpPort: config.bootPort },
    // Boot scripts name the first one. A portal on all addresses is reached by the boot interface's.
    disk: { address: iscsi.address === "0.0.0.0" ? address : parseIpv4(iscsi.address), port: iscsi.port },
    ...(bootInterface !== undefined && { subnet: bootInterface.network }),
  };
}

/** The door for agents; undefined where there is none. */
export function agentDoorOf(config: ServeConfig, bootInterface: BootInterface | undefined): Endpoint | undefined {
  return config.agents ?? (bootInterface && { address: bootInterface.network.address, port: AGENT_PORT });
}

/** The door for agents as a machine on the boot network is told of it. */
export function agentsUrlOf(config: ServeConfig, bootInterface: BootInterface | undefined): string | undefined {
  const door = agentDoorOf(config, bootInterface);
  if (door === undefined) return undefined;
  // A door on all addresses is reached by the boot interface's.
  const address = door.address === "0.0.0.0" ? (bootInterface?.network.address ?? LOOPBACK) : door.address;
  return `https://${address}:${door.port}`;
}
