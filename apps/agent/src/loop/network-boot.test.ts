import { expect, test } from "vitest";
import type { Programs } from "../system/programs.ts";
import { networkEntries, startFromNetworkNext } from "./network-boot.ts";

const ENTRIES = `BootCurrent: 0002
Timeout: 0 seconds
BootOrder: 0002,0003,0004,0005
Boot0002* debian\tHD(1,GPT,6a2f1f3e-0000-4000-8000-000000000001,0x800,0x100000)/File(\\EFI\\debian\\shimx64.efi)
Boot0003* UEFI HTTPv4 (MAC:525400000001)\tPciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000001,1)/IPv4(0.0.0.0,0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0)/Uri()
Boot0004* UEFI PXEv6 (MAC:525400000001)\tPciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000001,1)/IPv6([::],0,Static,[::],[::],64)
Boot0005* UEFI PXEv4 (MAC:525400000001)\tPciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000001,1)/IPv4(0.0.0.0,0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0)
Boot0006* UEFI PXEv4 (MAC:5254000000FF)\tPciRoot(0x0)/Pci(0x4,0x0)/MAC(5254000000ff,1)/IPv4(0.0.0.0,0,DHCP,0.0.0.0,0.0.0.0,0.0.0.0)
`;

/** Programs that write down what is asked of them. */
function recorded(stdout: string): { readonly programs: Programs; readonly commands: string[] } {
  const commands: string[] = [];
  const programs: Programs = {
    run(program, args) {
      commands.push([program, ...args].join(" "));
      return Promise.resolve({ status: 0, stdout, stderr: "" });
    },
  };
  return { programs, commands };
}

test("entries of the machine's own cards are found, PXE before HTTP, IPv4 alone", () => {
  expect(networkEntries(ENTRIES, ["52:54:00:00:00:01"])).toEqual(["0005", "0003"]);
  expect(networkEntries(ENTRIES, ["52:54:00:00:00:02"])).toEqual([]);
});

test("UEFI is told to start from the network once; the order stays as it is", async () => {
  const { programs, commands } = recorded(ENTRIES);
  const firmware = { mode: "uefi", secureBoot: "disabled" } as const;
  expect(await startFromNetworkNext(programs, firmware, ["52:54:00:00:00:01"])).toContain("Boot0005");
  expect(commands).toEqual(["efibootmgr -v", "efibootmgr --quiet --bootnext 0005"]);
});

test("a BIOS is not asked", async () => {
  const { programs, commands } = recorded("");
  expect(await startFromNetworkNext(programs, { mode: "bios", secureBoot: "unsupported" }, [])).toContain("BIOS");
  expect(commands).toEqual([]);
});
