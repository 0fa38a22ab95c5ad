import { getSystemErrorMap } from "node:util";

/** A system call that failed; `code` is the errno's name, as Node's own errors carry it (`EADDRINUSE`, `EACCES`, …). */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, what: string) {
    const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, "unknown error"];
    super(`${syscall} ${what}: ${text} (${code})`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}
