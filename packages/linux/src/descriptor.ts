import { libc, throwErrno } from "./libc-file.ts";

// <linux/fcntl.h>
const F_DUPFD_CLOEXEC = 1030;

/**
 * A second descriptor of what `fd` stands for, closed in programs that this one starts (fcntl(2), F_DUPFD_CLOEXEC). Both are
 * closed apart; a connection lives as long as one of them does. Throws `SystemCallError`, `EMFILE` when there are too many.
 */
export function duplicateDescriptor(fd: number): number {
  const copy = libc().fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) throwErrno("fcntl(F_DUPFD_CLOEXEC)", `of descriptor ${fd}`);
  return copy;
}
