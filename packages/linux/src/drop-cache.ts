import { SystemCallError } from "./errors.ts";
import { libc } from "./libc-file.ts";

// <fcntl.h>
const POSIX_FADV_DONTNEED = 4;

/**
 * Takes a file or block device out of the page cache, so that the next read asks the medium (posix_fadvise(2), POSIX_FADV_DONTNEED).
 * What is not written yet stays: sync before. All of it, because pages are cached in groups that a range would cut. Throws `SystemCallError`.
 */
export function dropCache(fd: number): void {
  const errno = libc().posix_fadvise(fd, 0n, 0n, POSIX_FADV_DONTNEED);
  if (errno !== 0) throw new SystemCallError("posix_fadvise", errno, `of descriptor ${fd}`);
}
