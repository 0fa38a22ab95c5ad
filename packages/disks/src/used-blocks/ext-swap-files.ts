import { type ByteRange, type ByteReader, readBytes } from "./byte-reader.ts";
import type { ExtGroup } from "./ext-groups.ts";
import { ExtFileKind, readExtFile } from "./ext-inode.ts";
import type { ExtSuperblock } from "./ext-superblock.ts";
import { MAX_EXT_DIRECTORY_BYTES } from "./limits.ts";
import { swapUsage } from "./swap-usage.ts";

const ROOT_INODE = 2;
/** Of Debian's and Fedora's how-tos, of Ubuntu's server installer, and of Arch's how-to. */
const NAMES = ["swapfile", "swap.img", "swap"];

/**
 * What of the swap files in the root directory nobody needs: all but their header. A file counts when it has the header of a swap area, no
 * system hibernates in it, and its blocks are told by extents (not on ext2 and ext3). What cannot be read is no swap file.
 */
export async function findSwapFiles(
  reader: ByteReader,
  superblock: ExtSuperblock,
  groups: readonly ExtGroup[],
): Promise<ByteRange[]> {
  const root = await readExtFile(reader, superblock, groups, ROOT_INODE, ExtFileKind.directory);
  if (root === undefined || root.content.sizeBytes > MAX_EXT_DIRECTORY_BYTES) return [];
  const free: ByteRange[] = [];
  for (let at = 0; at + superblock.blockBytes <= root.content.sizeBytes; at += superblock.blockBytes) {
    const block = await readBytes(root.content, at, superblock.blockBytes);
    for (const inode of namedIn(block)) {
      const file = await readExtFile(reader, superblock, groups, inode, ExtFileKind.file);
      if (file === undefined || !file.isHeadWritten) continue;
      const usage = await swapUsage(file.content);
      for (const { kind, offset, length } of usage?.ranges ?? []) {
        if (kind === "dontCare") free.push(...file.content.placesOf(offset, length));
      }
    }
  }
  return free;
}

/** The inodes of the entries with one of the names (Linux, Documentation/filesystems/ext4/directory.rst). Inner nodes of an index are one entry without an inode. */
function* namedIn(block: Uint8Array<ArrayBuffer>): Generator<number, void, undefined> {
  const view = new DataView(block.buffer);
  for (let at = 0; at + 8 <= block.length;) {
    const inode = view.getUint32(at, true);
    const length = view.getUint16(at + 4, true);
    const nameLength = block[at + 6] ?? 0;
    if (length < 8 + nameLength || length % 4 !== 0 || at + length > block.length) return;
    const name = Buffer.from(block.buffer, at + 8, nameLength).toString("latin1");
    if (inode !== 0 && NAMES.includes(name)) yield inode;
    at += length;
  }
}
