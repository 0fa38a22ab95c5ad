import { mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { LabError, requireTools, runCommand } from "@ingot/testkit/lab";
import { grubDirectory, writeBiosBootLoader, writeEfiSystemPartition, type StepOptions } from "./boot-loader.ts";
import { diskBytes, type Partition, partitionScript, rootPartition, sectorBytes } from "./disk-layout.ts";
import {
  customizeScript,
  excludedPaths,
  filesDirectory,
  localSuite,
  packages,
  readRecipe,
  sourceDateEpoch,
  type Recipe,
} from "./recipe.ts";

/** Options of a build. */
export interface BuildOptions {
  /** Where images are kept, one per recipe; created when missing. */
  readonly cacheDir: string;
  /** Called with one line of text per step, and with the lines that mmdebstrap prints. */
  readonly onProgress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A raw golden image on disk. */
export interface GoldenImage {
  readonly path: string;
  /** Hexadecimal SHA-256 of the recipe; the same recipe is built once. */
  readonly recipeHash: string;
  /** False when it was in the cache already. */
  readonly built: boolean;
}

const tools = ["mmdebstrap", "sfdisk", "grub-mkimage", "mformat", "mmd", "mcopy", "mke2fs"];

/**
 * Builds the demo's golden image: a small Debian on a GPT disk that boots by BIOS and by UEFI with its own boot loader, finds
 * its root over iSCSI through the firmware's table (iBFT), lets root log in on ttyS0 WITHOUT a password, and reports to the
 * server that exports its disk. Takes one to two minutes and root; packages come from this machine's own package sources.
 * Throws `LabError` "notRoot", "missingTool" or "commandFailed"; the cache then is as before.
 */
export async function buildGoldenImage(options: BuildOptions): Promise<GoldenImage> {
  const { cacheDir, onProgress = () => undefined, signal } = options;
  const recipe = await readRecipe(await localSuite());
  const path = join(cacheDir, `golden-${recipe.hash.slice(0, 16)}.img`);
  if (await exists(path)) return { path, recipeHash: recipe.hash, built: false };
  requireTools(tools);
  await requireGrub();
  if (process.getuid?.() !== 0) {
    throw new LabError(
      "notRoot",
      "building the golden image needs root (mmdebstrap, file ownership): run this as root",
    );
  }
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const directory = join(cacheDir, `building-${process.pid}`);
  await mkdir(directory);
  try {
    const environment = {
      SOURCE_DATE_EPOCH: String(sourceDateEpoch),
      E2FSPROGS_FAKE_TIME: String(sourceDateEpoch),
      TZ: "UTC",
      LC_ALL: "C.UTF-8",
    };
    const step: StepOptions = { directory, environment, ...(signal === undefined ? {} : { signal }) };
    const imageFile = join(directory, "golden.img");
    await installRoot(recipe, step, onProgress);
    onProgress("writing the disk image");
    await assembleDisk({ imageFile, root: join(directory, "root"), grub: recipe.embeddedGrubConfiguration, step });
    await syncFile(imageFile);
    await rename(imageFile, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  onProgress(`golden image ready: ${path}`);
  return { path, recipeHash: recipe.hash, built: true };
}

async function installRoot(recipe: Recipe, step: StepOptions, onProgress: (line: string) => void): Promise<void> {
  onProgress(`installing Debian ${recipe.suite} (${packages.length} packages and what they need)`);
  const args = [
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    `--include=${packages.join(",")}`,
    ...excludedPaths.map((path) => `--dpkgopt=path-exclude=${path}`),
    "--aptopt=Acquire::Languages none",
    // Before the packages: the initial RAM disk is made once, with its configuration in place.
    `--essential-hook=copy-in ${join(filesDirectory, "etc")} ${join(filesDirectory, "usr")} ${join(filesDirectory, "boot")} /`,
    `--customize-hook=${customizeScript} "$1"`,
    recipe.suite,
    join(step.directory, "root"),
  ];
  const { environment: env, signal } = step;
  // mmdebstrap unmounts what it mounted before it ends.
  const graceMs = 30_000;
  await runCommand("mmdebstrap", args, {
    env,
    graceMs,
    onLine: onProgress,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** A disk image in the making. */
export interface DiskParts {
  readonly imageFile: string;
  /** Directory that becomes the root file system. */
  readonly root: string;
  /** Configuration in GRUB's core image. */
  readonly grub: string;
  /** Whole MiB; default {@link diskBytes}. */
  readonly sizeBytes?: number;
  readonly step: StepOptions;
}

/** Puts a disk image together that boots by BIOS and by UEFI: partition table, boot loaders, root file system. */
export async function assembleDisk({ imageFile, root, grub, sizeBytes = diskBytes, step }: DiskParts): Promise<void> {
  const { environment: env, signal } = step;
  const run = { env, ...(signal === undefined ? {} : { signal }) };
  await writeFile(imageFile, "");
  const image = await open(imageFile, "r+");
  await image.truncate(sizeBytes);
  await image.close();
  await runCommand("sfdisk", ["--quiet", imageFile], { ...run, input: partitionScript(sizeBytes) });
  await writeBiosBootLoader(imageFile, grub, step);
  await writeEfiSystemPartition(imageFile, grub, step);
  await runCommand("mke2fs", fileSystemArguments(imageFile, root, rootPartition(sizeBytes)), run);
}

/**
 * Everything is initialised now: what the kernel would finish in the background after the first mount would be written to
 * every machine's overlay. The journal is small for the same reason.
 */
function fileSystemArguments(imageFile: string, from: string, { uuid, start, sectors }: Partition): string[] {
  const extended = [
    `offset=${start * sectorBytes}`,
    "lazy_itable_init=0",
    "lazy_journal_init=0",
    `hash_seed=${uuid}`,
    "nodiscard",
  ];
  const size = `${(sectors * sectorBytes) / 1024}k`;
  const shape = ["-t", "ext4", "-b", "4096", "-m", "0", "-J", "size=8", "-i", "32768", "-L", "ingot-root", "-U", uuid];
  return ["-q", "-F", ...shape, "-E", extended.join(","), "-d", from, imageFile, size];
}

async function requireGrub(): Promise<void> {
  const missing: string[] = [];
  if (!(await exists(join(grubDirectory, "i386-pc", "boot.img")))) missing.push("grub-pc-bin");
  if (!(await exists(join(grubDirectory, "x86_64-efi", "modinfo.sh")))) missing.push("grub-efi-amd64-bin");
  if (missing.length > 0) {
    throw new LabError(
      "missingTool",
      `no GRUB in ${grubDirectory}; install with: apt-get install ${missing.join(" ")}`,
    );
  }
}

/** Directories of builds whose process is gone. */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = /^building-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || (Number(pid) !== process.pid && (await exists(`/proc/${pid}`)))) continue;
    await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

/** Whether there is anything at `path`. */
async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  await file.sync();
  await file.close();
}
