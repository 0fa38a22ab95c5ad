/** Sizes of the golden image's disk, in 512-byte sectors unless the name says otherwise. */
export const sectorBytes = 512;
const sectorsPerMiB = (1024 * 1024) / sectorBytes;

/** Whole disk: 2 GiB, nearly all of it holes. */
export const diskBytes: number = 2 * 1024 ** 3;

/** One partition of the golden image. */
export interface Partition {
  readonly name: string;
  /** GPT partition type GUID. */
  readonly type: string;
  readonly uuid: string;
  readonly start: number;
  readonly sectors: number;
}

/** BIOS boot partition: holds GRUB's core image, read by the boot sector. */
export const biosBootPartition: Partition = {
  name: "bios-boot",
  type: "21686148-6449-6E6F-744E-656564454649",
  uuid: "7d8c2b1e-1a60-4f52-8f3b-5f1d0e6a0001",
  start: sectorsPerMiB,
  sectors: sectorsPerMiB,
};

/** EFI system partition: 40 MiB is what FAT32 needs with one-sector clusters (at least 65,525 of them), rounded up. */
export const efiPartition: Partition = {
  name: "efi-system",
  type: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
  uuid: "7d8c2b1e-1a60-4f52-8f3b-5f1d0e6a0002",
  start: 2 * sectorsPerMiB,
  sectors: 40 * sectorsPerMiB,
};

/** Root file system: the rest of a disk of this size, less the last MiB, where GPT's second table is. */
export function rootPartition(sizeBytes: number): Partition {
  return {
    name: "root",
    type: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
    uuid: "7d8c2b1e-1a60-4f52-8f3b-5f1d0e6a0003",
    start: 42 * sectorsPerMiB,
    sectors: (sizeBytes / 1024 ** 2 - 43) * sectorsPerMiB,
  };
}

/** What sfdisk reads to write the partition table of a disk of this size. */
export function partitionScript(sizeBytes: number): string {
  return [
    "label: gpt",
    "label-id: 7d8c2b1e-1a60-4f52-8f3b-5f1d0e6a0000",
    "first-lba: 34",
    ...[biosBootPartition, efiPartition, rootPartition(sizeBytes)].map(
      ({ start, sectors, type, uuid, name }) =>
        `start=${start}, size=${sectors}, type=${type}, uuid=${uuid}, name="${name}"`,
    ),
    "",
  ].join("\n");
}
