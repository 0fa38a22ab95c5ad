import { libc, throwErrno } from "./libc-file.ts";

// <linux/falloc.h> and <unistd.h>
const FALLOC_FL_KEEP_SIZE = 0x01;
const FALLOC_FL_PUNCH_HOLE = 0x02;
const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const ENXIO = 6;
const EOPNOTSUPP = 95;

/**
 * Gives a range of a file back to the file system; afterwards it reads as zeros (fallocate(2), FALLOC_FL_PUNCH_HOLE).
 * Returns false where the file system cannot; other failures throw `SystemCallError`.
 */
export function punchHole(fd: number, offsetBytes: number, lengthBytes: number): boolean {
  const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (libc().fallocate(fd, mode, BigInt(offsetBytes), BigInt(lengthBytes)) === 0) return true;
  if (libc().errno() === EOPNOTSUPP) return false;
  return throwErrno("fallocate", `of ${lengthBytes} bytes at ${offsetBytes}`);
}

/** The first offset at or after `offsetBytes` that holds data, or undefined when only a hole follows (lseek(2)). */
export function seekData(fd: number, offsetBytes: number): number | undefined {
  return seek(fd, offsetBytes, SEEK_DATA);
}

/** The first offset at or after `offsetBytes` that begins a hole; the file's end counts as one. Undefined past the end. */
export function seekHole(fd: number, offsetBytes: number): number | undefined {
  return seek(fd, offsetBytes, SEEK_HOLE);
}

function seek(fd: number, offsetBytes: number, whence: number): number | undefined {
  const found = libc().lseek(fd, BigInt(offsetBytes), whence);
  if (found >= 0n) return Number(found);
  if (libc().errno() === ENXIO) return undefined;
  return throwErrno("lseek", `at ${offsetBytes}`);
}
