import { DecodeError, parseMac, type Mac } from "@ingot/wire";
import { basename } from "node:path";
import type { NetworkInterfaceInfo } from "node:os";
import type { SystemFiles } from "../system/system-files.ts";

/** One network card: hardware only, no bridges, bonds or tunnels. */
export interface Nic {
  readonly name: string;
  readonly mac: Mac;
  /** The card's own address, not one that somebody set. */
  readonly permanent: boolean;
  readonly link: boolean;
  /** Mbit/s; absent without a link, and where the driver does not say. */
  readonly speedMbit?: number;
  readonly driver?: string;
  /** IPv4 addresses. */
  readonly addresses: readonly string[];
}

/** What `os.networkInterfaces()` returns. */
export type Addresses = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** `addr_assign_type` of an address that the hardware came with. */
const NET_ADDR_PERM = "0";

/** Reads `/sys/class/net`, sorted by name. */
export function readNics(files: SystemFiles, addresses: Addresses): readonly Nic[] {
  const nics: Nic[] = [];
  for (const name of files.list("/sys/class/net")) {
    const at = `/sys/class/net/${name}`;
    if (!files.exists(`${at}/device`)) continue;
    const mac = readMac(files.readText(`${at}/address`));
    if (mac === undefined) continue;
    const speedMbit = Number(files.readText(`${at}/speed`) ?? -1);
    const driver = files.resolve(`${at}/device/driver`);
    nics.push({
      name,
      mac,
      permanent: files.readText(`${at}/addr_assign_type`) === NET_ADDR_PERM,
      link: files.readText(`${at}/carrier`) === "1",
      addresses: (addresses[name] ?? []).filter((a) => a.family === "IPv4").map((a) => a.address),
      ...(speedMbit > 0 ? { speedMbit } : {}),
      ...(driver === undefined ? {} : { driver: basename(driver) }),
    });
  }
  return nics;
}

/** Cards without an Ethernet address (InfiniBand, point to point) do not count. */
function readMac(text: string | undefined): Mac | undefined {
  if (text === undefined || text === "00:00:00:00:00:00") return undefined;
  try {
    return parseMac(text);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}
