import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { diskBytes, partitionScript } from "./disk-layout.ts";

/** Files of this folder that go into the image as they stand, below its root. */
export const filesDirectory: string = join(import.meta.dirname, "files");
/** Run by mmdebstrap with the new root's directory as its argument. */
export const customizeScript: string = join(import.meta.dirname, "customize.sh");
const embeddedGrubConfiguration = join(import.meta.dirname, "grub-embedded.cfg");

/** Debian packages of the golden image, besides mmdebstrap's smallest set with apt. */
export const packages: readonly string[] = [
  "busybox",
  "initramfs-tools",
  "iproute2",
  "linux-image-cloud-amd64",
  "open-iscsi",
  "systemd-sysv",
  "udev",
  // Instead of usrmerge, which would bring Perl's library.
  "usr-is-merged",
  "zstd",
];

/** What dpkg leaves out: nobody reads manuals on a demonstration machine, and it has none of this hardware. */
export const excludedPaths: readonly string[] = [
  "/usr/share/doc/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
  "/usr/share/man/*",
  ...[
    "arch/x86/kvm",
    "drivers/ata",
    "drivers/comedi",
    "drivers/cpufreq",
    "drivers/gpu",
    "drivers/hid",
    "drivers/infiniband",
    "drivers/md",
    "drivers/soundwire",
    "drivers/target",
    "drivers/video",
    "drivers/watchdog",
    "drivers/xen",
    "fs/btrfs",
    "fs/ceph",
    "fs/ocfs2",
    "fs/xfs",
    "net/wireless",
    "sound",
  ].map((directory) => `*/lib/modules/*/kernel/${directory}/*`),
];

/** All files and directories get this time (seconds since 1970), so that two builds from the same packages are alike. */
export const sourceDateEpoch = 1_790_000_000;

/** Everything that decides what the image holds, except the packages' versions. */
export interface Recipe {
  /** Debian's code name. */
  readonly suite: string;
  readonly embeddedGrubConfiguration: string;
  /** Hexadecimal SHA-256 over all parts of the recipe. */
  readonly hash: string;
}

/** Reads the recipe; `suite` decides the release of Debian. */
export async function readRecipe(suite: string): Promise<Recipe> {
  const grub = await readFile(embeddedGrubConfiguration, "utf8");
  const hash = createHash("sha256");
  const table = partitionScript(diskBytes);
  hash.update(
    JSON.stringify({ suite, packages, excludedPaths, sourceDateEpoch, diskBytes, partitionScript: table, grub }),
  );
  hash.update(await readFile(customizeScript));
  for (const file of await filesBelow(filesDirectory)) {
    hash.update(JSON.stringify(file)).update(await readFile(join(filesDirectory, file)));
  }
  return { suite, embeddedGrubConfiguration: grub, hash: hash.digest("hex") };
}

/** The code name of the Debian that this machine runs, whose package sources are used; "bookworm" on anything else. */
export async function localSuite(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8");
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1];
  return /^ID=debian$/m.test(text) && codename !== undefined ? codename : "bookworm";
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
