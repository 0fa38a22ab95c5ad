import type { Partition, PartitionFacts } from "@ingot/chunks";

/** GPT partition types that decide how a disk boots or what may be grown (UEFI 2.10 §5.3.3, and their owners' lists). */
export const GptType = {
  efiSystem: "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
  biosBoot: "21686148-6449-6e6f-744e-656564454649",
  microsoftBasicData: "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
  linuxFileSystem: "0fc63daf-8483-4772-8e79-3d69d8477de4",
  linuxRootX86: "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
  linuxRootArm64: "b921b045-1df0-41c3-af44-4c6f280d3fae",
  linuxHome: "933ac7e1-2eb4-4f13-b844-0e14e2aef915",
  linuxServerData: "3b8f8425-20e0-4f3b-907f-1a25a76f98e8",
} as const;

/** MBR partition types, two hex digits. */
export const MbrType = { efiSystem: "ef", ntfs: "07", linux: "83", extended: ["05", "0f", "85"] } as const;

/** The partition that UEFI firmware starts from. */
export function efiSystemPartition(facts: PartitionFacts): Partition | undefined {
  const type = facts.scheme === "gpt" ? GptType.efiSystem : MbrType.efiSystem;
  return facts.partitions.find((partition) => partition.type === type);
}

/**
 * Whether a BIOS finds something to start: GRUB's place in a GPT, an active partition, or boot code in the first
 * sector. `unknown`: an MBR without an active partition, of which that sector is not at hand; GRUB needs none.
 */
export function canBootByBios(facts: PartitionFacts, firstSector: Uint8Array | undefined): boolean | "unknown" {
  if (facts.scheme === "gpt" && facts.partitions.some((p) => p.type === GptType.biosBoot)) return true;
  if (facts.scheme === "mbr" && facts.partitions.some((partition) => partition.attributes === 0x80n)) return true;
  if (firstSector === undefined) return facts.scheme === "mbr" ? "unknown" : false;
  return hasBootCode(firstSector);
}

/** The first 440 bytes of the MBR are the boot loader's; partition tools leave them zero. */
function hasBootCode(firstSector: Uint8Array): boolean {
  return firstSector.subarray(0, 440).some((byte) => byte !== 0);
}
