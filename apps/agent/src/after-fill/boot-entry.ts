import type { Partition, PartitionFacts } from "@ingot/chunks";
import { mkdtemp, readdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentError } from "../errors.ts";
import { efiSystemPartition } from "../preflight/partition-roles.ts";
import { type Programs, runOrThrow } from "../system/programs.ts";
import { withPartitionDevice } from "./partition-device.ts";

/** What firmware boot variables say, as efibootmgr prints them. */
export interface BootVariables {
  /** Four hex digits. */
  readonly order: readonly string[];
  readonly current: string | undefined;
  readonly entries: readonly {
    readonly number: string;
    readonly label: string;
    /** The device path as text (UEFI 2.10 §10.6). */
    readonly path: string;
  }[];
}

/** The name of our entry in the firmware's boot menu. */
const ENTRY_LABEL = "Ingot disk";

/** A disk, an optical disk, a stick, a program of the firmware's own: whatever else started the agent was a network. */
const LOCAL_PATH = /\b(HD|CDROM|USB|FvFile)\(/;
const NETWORK_PATH = /\bMAC\(/;

/** Loaders in the order in which they are taken: those that a shim or vendor expects first, the fallback of removable media last. */
const LOADERS: readonly { readonly folder: RegExp; readonly files: readonly string[] }[] = [
  { folder: /^microsoft$/i, files: ["Boot/bootmgfw.efi"] },
  {
    folder: /^(?!boot$|microsoft$)/i,
    files: ["shimx64.efi", "shimaa64.efi", "grubx64.efi", "grubaa64.efi", "systemd-bootx64.efi"],
  },
  { folder: /^boot$/i, files: ["bootx64.efi", "bootaa64.efi", "bootia32.efi"] },
];

/** Reads what `efibootmgr` prints; lines that it does not know are skipped. */
export function parseBootVariables(text: string): BootVariables {
  const order = /^BootOrder: ([0-9A-F,]+)$/m.exec(text)?.[1]?.split(",") ?? [];
  const current = /^BootCurrent: ([0-9A-F]{4})$/m.exec(text)?.[1];
  const entries = [...text.matchAll(/^Boot([0-9A-F]{4})[* ] ([^\t\n]*)\t?(.*)$/gm)].map(
    ([, number = "", label = "", path = ""]) => ({ number, label: label.trim(), path }),
  );
  return { order, current, entries };
}

/**
 * The order with our entry in it. The network comes first: there the server says at each boot whether the machine has a job or goes on to
 * its disk, which comes right behind, before other entries of the same card wait for a minute each. Where the network is not what the
 * machine was started from, nor what it tries first, the disk comes first, and `isReached` is false: later jobs wait until
 * somebody starts the machine from the network.
 */
export function orderWith(
  { order, current, entries }: BootVariables,
  entry: string,
): { readonly order: readonly string[]; readonly isReached: boolean } {
  const others = order.filter((number) => number !== entry);
  const pathOf = (number: string | undefined): string | undefined =>
    entries.find((candidate) => candidate.number === number)?.path;
  const started = pathOf(current);
  const network =
    current !== undefined && started !== undefined && !LOCAL_PATH.test(started)
      ? current
      : others.slice(0, 1).find((number) => NETWORK_PATH.test(pathOf(number) ?? ""));
  if (network === undefined) return { order: [entry, ...others], isReached: false };
  return { order: [network, entry, ...others.filter((number) => number !== network)], isReached: true };
}

/** The loader among the files of an EFI system partition (paths with `/`, relative to its root), as the firmware writes it. */
export function chooseLoader(files: readonly string[]): string | undefined {
  for (const { folder, files: names } of LOADERS) {
    for (const name of names) {
      const found = files.find((file) => {
        const [efi, vendor = "", ...rest] = file.split("/");
        return (
          efi?.toLowerCase() === "efi" && folder.test(vendor) && rest.join("/").toLowerCase() === name.toLowerCase()
        );
      });
      if (found !== undefined) return `\\${found.replaceAll("/", "\\")}`;
    }
  }
  return undefined;
}

/**
 * Makes a firmware boot entry for the disk, behind the network's. Entries of ours from earlier deployments go. With `isNext` the next boot is the
 * disk's, without asking the server: only for a machine that is started again at once, because until then it could get another job.
 * Returns what was done, as a sentence. Error: `boot-entry`.
 */
export async function makeBootEntry(
  programs: Programs,
  diskPath: string,
  facts: PartitionFacts,
  isNext: boolean,
): Promise<string> {
  const esp = efiSystemPartition(facts);
  if (esp === undefined) throw new AgentError("boot-entry", "the image has no EFI system partition");
  try {
    const loader = (await findLoader(programs, diskPath, esp)) ?? fallbackLoader();
    const before = parseBootVariables(await runOrThrow(programs, "efibootmgr", ["--verbose"]));
    for (const { number } of before.entries.filter((entry) => entry.label === ENTRY_LABEL))
      await runOrThrow(programs, "efibootmgr", ["--quiet", "--bootnum", number, "--delete-bootnum"]);
    const cleared = parseBootVariables(await runOrThrow(programs, "efibootmgr", ["--verbose"]));
    const created = parseBootVariables(
      await runOrThrow(programs, "efibootmgr", [
        "--verbose",
        "--create-only",
        "--disk",
        diskPath,
        "--part",
        String(esp.number),
        "--label",
        ENTRY_LABEL,
        "--loader",
        loader,
      ]),
    );
    const entry = created.entries.find(({ label }) => label === ENTRY_LABEL)?.number;
    if (entry === undefined) throw new AgentError("boot-entry", "the firmware did not keep the new boot entry");
    const { order, isReached } = orderWith(cleared, entry);
    await runOrThrow(programs, "efibootmgr", ["--quiet", "--bootorder", order.join(",")]);
    if (isNext) await runOrThrow(programs, "efibootmgr", ["--quiet", "--bootnext", entry]);
    const said = `the firmware boots ${loader}`;
    return isReached ? said : `${said} before the network, so that later jobs wait until it is started from there`;
  } catch (cause) {
    if (cause instanceof AgentError && cause.code === "boot-entry") throw cause;
    throw new AgentError("boot-entry", "making the firmware's boot entry", { cause });
  }
}

/** `undefined` where the partition cannot be mounted or holds no loader that is known. */
async function findLoader(programs: Programs, diskPath: string, esp: Partition): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "ingot-esp-"));
  try {
    return await withPartitionDevice(programs, diskPath, esp, async (device) => {
      const mounted = await programs.run("mount", ["-t", "vfat", "-o", "ro", device, folder]);
      if (mounted?.status !== 0) return undefined;
      try {
        return chooseLoader(await readdir(folder, { recursive: true }));
      } finally {
        await runOrThrow(programs, "umount", [folder]);
      }
    });
  } finally {
    await rmdir(folder);
  }
}

/** Where every UEFI firmware looks on a disk without an entry (UEFI 2.10 §3.5.1.1). */
function fallbackLoader(): string {
  return process.arch === "arm64" ? "\\EFI\\BOOT\\BOOTAA64.EFI" : "\\EFI\\BOOT\\BOOTX64.EFI";
}
