import type { BootFacts } from "@ingot/dhcp";
import { parseMac } from "@ingot/wire";

/** Facts of a machine for tests: BIOS firmware asking for a PXE boot program, unless said otherwise. */
export function factsOf(parts: Partial<BootFacts> = {}): BootFacts {
  return {
    mac: parseMac("52:54:00:12:34:56"),
    hardwareAddress: "525400123456",
    xid: 1,
    vendorClass: "PXEClient:Arch:00000:UNDI:002001",
    userClasses: [],
    architectures: [0],
    networkInterface: { type: 1, major: 2, minor: 1 },
    uuid: undefined,
    ipxeOptions: undefined,
    hostName: undefined,
    giaddr: undefined,
    ciaddr: undefined,
    leasedAddress: undefined,
    ...parts,
  };
}

/** As `factsOf`, for UEFI firmware that boots by HTTP. */
export function httpFactsOf(architecture: number): BootFacts {
  return factsOf({ vendorClass: `HTTPClient:Arch:000${architecture}:UNDI:003001`, architectures: [architecture] });
}
