import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "@ingot/testkit/lab";
import { biosBootPartition, efiPartition, sectorBytes } from "./disk-layout.ts";

const modules = ["configfile", "echo", "ext2", "linux", "normal", "part_gpt", "search", "search_label"];

/** Where the parts of GRUB come from; Debian's grub-pc-bin and grub-efi-amd64-bin. */
export const grubDirectory = "/usr/lib/grub";

/** Offset in boot.img of the LBA (u64, little-endian) of the core image's first sector (GRUB `GRUB_BOOT_MACHINE_KERNEL_SECTOR`). */
const bootSectorCoreLbaOffset = 0x5c;
/** Bytes of the boot sector that are code; the rest is the protective MBR's partition table. */
const bootSectorCodeBytes = 440;
/** Offset in the core image's first sector of the LBA (u64, little-endian) of its second one (GRUB's only block list entry). */
const coreSecondSectorLbaOffset = 0x1f4;

/** Options shared by the steps of a build. */
export interface StepOptions {
  /** Directory for intermediate files. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Writes GRUB for BIOS into a partitioned disk image: boot sector and core image, which knows its configuration file's
 * place by the root file system's label. What grub-install does, without a mounted or even known device.
 */
export async function writeBiosBootLoader(
  imageFile: string,
  configuration: string,
  options: StepOptions,
): Promise<void> {
  const coreFile = join(options.directory, "core.img");
  await makeGrubImage("i386-pc", coreFile, configuration, [...modules, "biosdisk"], options);
  const core = await readFile(coreFile);
  if (core.length > biosBootPartition.sectors * sectorBytes) {
    throw new Error(
      `GRUB's core image has ${core.length} bytes, the BIOS boot partition only ${biosBootPartition.sectors * sectorBytes}`,
    );
  }
  core.writeBigUInt64LE(BigInt(biosBootPartition.start + 1), coreSecondSectorLbaOffset);
  const bootSector = (await readFile(join(grubDirectory, "i386-pc", "boot.img"))).subarray(0, bootSectorCodeBytes);
  bootSector.writeBigUInt64LE(BigInt(biosBootPartition.start), bootSectorCoreLbaOffset);
  const image = await open(imageFile, "r+");
  try {
    await image.write(bootSector, 0, bootSector.length, 0);
    await image.write(core, 0, core.length, biosBootPartition.start * sectorBytes);
  } finally {
    await image.close();
  }
}

/** Makes the EFI system partition with GRUB as the removable-media boot program (UEFI 2.10 §3.5.1.1), without mounting it. */
export async function writeEfiSystemPartition(
  imageFile: string,
  configuration: string,
  options: StepOptions,
): Promise<void> {
  const loader = join(options.directory, "BOOTX64.EFI");
  await makeGrubImage("x86_64-efi", loader, configuration, modules, options);
  const place = ["-i", `${imageFile}@@${efiPartition.start * sectorBytes}`];
  const { signal, environment: env } = options;
  const run = { env: { ...env, MTOOLS_SKIP_CHECK: "1" }, ...(signal === undefined ? {} : { signal }) };
  const geometry = ["-F", "-c", "1", "-T", String(efiPartition.sectors), "-h", "16", "-s", "63"];
  await runCommand(
    "mformat",
    [...place, ...geometry, "-H", String(efiPartition.start), "-N", "1a607d8c", "-v", "INGOT-EFI", "::"],
    run,
  );
  await runCommand("mmd", [...place, "::/EFI", "::/EFI/BOOT"], run);
  await runCommand("mcopy", [...place, loader, "::/EFI/BOOT/BOOTX64.EFI"], run);
}

async function makeGrubImage(
  format: "i386-pc" | "x86_64-efi",
  output: string,
  configuration: string,
  moduleNames: readonly string[],
  options: StepOptions,
): Promise<void> {
  const configurationFile = join(options.directory, `${format}.cfg`);
  await writeFile(configurationFile, configuration);
  const args = ["--format", format, "--directory", join(grubDirectory, format), "--prefix", "/boot/grub"];
  const { signal, environment: env } = options;
  await runCommand("grub-mkimage", [...args, "--config", configurationFile, "--output", output, ...moduleNames], {
    env,
    ...(signal === undefined ? {} : { signal }),
  });
}
