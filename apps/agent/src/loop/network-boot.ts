import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { Programs } from "../system/programs.ts";

/**
 * The firmware's entries that start from the network by one of these network cards, as `efibootmgr -v` prints device paths (UEFI 2.10 §10.6.5):
 * `MAC(525400000001,1)/IPv4(…)`. Boot by PXE before boot by HTTP, which has `Uri(…)` behind.
 */
export function networkEntries(text: string, macs: readonly string[]): readonly string[] {
  const own = macs.map((mac) => mac.replaceAll(":", "").toLowerCase());
  const found: { readonly number: string; readonly isHttp: boolean }[] = [];
  for (const [, number = "", path = ""] of text.matchAll(/^Boot([0-9A-F]{4})[* ] (.*)$/gm)) {
    const [, mac] = /MAC\(([0-9a-f]{12})/i.exec(path) ?? [];
    if (mac === undefined || !own.includes(mac.toLowerCase()) || !/IPv4\(/i.test(path)) continue;
    found.push({ number, isHttp: /Uri\(/i.test(path) });
  }
  return found.toSorted((a, b) => Number(a.isHttp) - Number(b.isHttp)).map(({ number }) => number);
}

/**
 * Has the firmware start from the network once, whatever its order is. Answers what was done, for people: BIOS firmware cannot be told, and a
 * machine whose order begins with the network needs nothing.
 */
export async function startFromNetworkNext(
  programs: Programs,
  firmware: FirmwareFacts,
  macs: readonly string[],
): Promise<string> {
  if (firmware.mode !== "uefi") return "its BIOS decides what it starts from";
  const listed = await programs.run("efibootmgr", ["-v"]);
  if (listed?.status !== 0) return "its firmware decides what it starts from (efibootmgr is missing, or was refused)";
  const [entry] = networkEntries(listed.stdout, macs);
  if (entry === undefined) return "its firmware has no entry for the network and decides what it starts from";
  const set = await programs.run("efibootmgr", ["--quiet", "--bootnext", entry]);
  return set?.status === 0
    ? `its firmware was told to start from the network once (Boot${entry})`
    : `its firmware refused to start from the network next (Boot${entry})`;
}
