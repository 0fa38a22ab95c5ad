import { DhcpError, validateSubnets, type SubnetConfig } from "@ingot/dhcp";
import { ServerError } from "../errors.ts";
import type { BootInterface } from "./network-interface.ts";
import type { ServeConfig } from "./serve-config.ts";

/**
 * The subnets of `--dhcp full`, checked: the boot interface's own, and those whose relays send to this server. None in the
 * other modes. Throws `ServerError` code `config-invalid` for a range outside of its subnet and everything else that cannot work.
 */
export function subnetsOf(config: ServeConfig, bootInterface: BootInterface | undefined): readonly SubnetConfig[] {
  if (config.dhcp !== "full" || config.dhcpRange === undefined || bootInterface === undefined) return [];
  const dns = config.dns.length > 0 && { dns: config.dns };
  const own: SubnetConfig = {
    network: bootInterface.network,
    range: config.dhcpRange,
    ...(config.router !== undefined && { router: config.router }),
    ...dns,
  };
  const relayed = config.dhcpRelayed.map(({ network, range, router }): SubnetConfig => ({
    network,
    range,
    router,
    ...dns,
  }));
  const subnets = [own, ...relayed];
  try {
    validateSubnets(subnets, bootInterface.network.address);
  } catch (error) {
    if (!(error instanceof DhcpError)) throw error;
    throw new ServerError("config-invalid", `--dhcp full: ${error.message}`, { cause: error });
  }
  return subnets;
}
