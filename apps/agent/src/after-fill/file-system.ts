import { Reader } from "@ingot/wire";

/** File systems that are told apart here. */
export type FileSystemKind = "ext" | "ntfs" | "fat" | "xfs" | "btrfs" | "swap" | "unknown";

/** Bytes from a partition's start that the signatures lie within. */
export const PROBE_BYTES: number = 68 * 1024;

const EXT_MAGIC_OFFSET = 1024 + 56;
const EXT_MAGIC = 0xef53;
const BTRFS_OFFSET = 64 * 1024 + 64;
/** The last ten bytes of the first page. */
const SWAP_OFFSET = 4096 - 10;

/** Which file system begins with these bytes. */
export function probeFileSystem(head: Uint8Array): FileSystemKind {
  if (textAt(head, 3, 8) === "NTFS    ") return "ntfs";
  if (textAt(head, 0, 4) === "XFSB") return "xfs";
  if (head.length >= EXT_MAGIC_OFFSET + 2 && new Reader(head.subarray(EXT_MAGIC_OFFSET)).u16LE() === EXT_MAGIC)
    return "ext";
  if (textAt(head, BTRFS_OFFSET, 8) === "_BHRfS_M") return "btrfs";
  if (textAt(head, SWAP_OFFSET, 10) === "SWAPSPACE2") return "swap";
  if (textAt(head, 82, 5) === "FAT32" || textAt(head, 54, 3) === "FAT") return "fat";
  return "unknown";
}

function textAt(bytes: Uint8Array, at: number, length: number): string {
  return new TextDecoder("latin1").decode(bytes.subarray(at, at + length));
}
