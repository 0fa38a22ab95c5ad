import { closeSync, openSync } from "node:fs";
import { libc, throwErrno } from "./libc-file.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = 11;

/** A held lock; it ends with `close()` or with the process, however that ends. */
export interface FileLock {
  close(): void;
}

/**
 * Takes an exclusive advisory lock on `path`, which is created when missing (flock(2)).
 * Returns undefined when another process holds it; a path that cannot be opened throws Node's own error.
 */
export function lockFile(path: string): FileLock | undefined {
  const fd = openSync(path, "a+", 0o600);
  if (libc().flock(fd, LOCK_EX | LOCK_NB) !== 0) {
    const held = libc().errno() === EWOULDBLOCK;
    closeSync(fd);
    if (held) return undefined;
    return throwErrno("flock", `of ${path}`);
  }
  let open = true;
  return {
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}
