import type { BootNetwork } from "@ingot/control";
import { parseIpv4 } from "@ingot/wire";
import type { BootInterface } from "../config/network-interface.ts";
import type { ServeConfig } from "../config/serve-config.ts";

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
