import { SystemCallError } from "./errors.ts";

/**
 * The C library's functions used here. They are resolved on first use, so that importing this package costs nothing.
 * Only integers and borrowed buffers cross the border; nothing is kept by the other side.
 */
interface Libc {
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly close: (fd: number) => number;
  readonly fallocate: (fd: number, mode: number, offset: bigint, length: bigint) => number;
  /** The variant with an integer; its calling convention is that of a plain third argument on 64-bit Linux. */
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly flock: (fd: number, operation: number) => number;
  readonly getsockname: (fd: number, address: Uint8Array, length: Uint8Array) => number;
  readonly getsockopt: (fd: number, level: number, option: number, value: Uint8Array, length: Uint8Array) => number;
  /** `name` ends with a zero byte. */
  readonly if_nametoindex: (name: Uint8Array) => number;
  readonly lseek: (fd: number, offset: bigint, whence: number) => bigint;
  /** Returns the error's number, and leaves `errno` alone. */
  readonly posix_fadvise: (fd: number, offset: bigint, length: bigint, advice: number) => number;
  /** `vectors` are `struct iovec`, whose pointers come from `addressOf`. */
  readonly preadv2: (fd: number, vectors: Uint8Array, count: number, offset: bigint, flags: number) => bigint;
  /** `headers` are `struct mmsghdr`, whose pointers come from `addressOf`; `timeout` is a null pointer. */
  readonly recvmmsg: (fd: number, headers: Uint8Array, count: number, flags: number, timeout: bigint) => number;
  /** `header` is a `struct msghdr`, whose pointers come from `addressOf`. */
  readonly recvmsg: (fd: number, header: Uint8Array, flags: number) => bigint;
  readonly sendmmsg: (fd: number, headers: Uint8Array, count: number, flags: number) => number;
  readonly sendmsg: (fd: number, header: Uint8Array, flags: number) => bigint;
  readonly sendto: (
    fd: number,
    bytes: Uint8Array,
    length: bigint,
    flags: number,
    address: Uint8Array,
    addressLength: number,
  ) => bigint;
  readonly setsockopt: (fd: number, level: number, option: number, value: Uint8Array, length: number) => number;
  readonly shutdown: (fd: number, how: number) => number;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly errno: () => number;
  /** Where a buffer lies, for pointers inside of a structure; valid as long as the caller keeps the buffer. */
  readonly addressOf: (buffer: ArrayBuffer) => bigint;
}

let loaded: Libc | undefined;

/** The loaded library: a handle that never changes once it is there. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

/** Throws the error that the last failed call left in `errno`. `what` says on what it was tried. */
export function throwErrno(syscall: string, what: string): never {
  throw new SystemCallError(syscall, libc().errno(), what);
}

function load(): Libc {
  // Not imported: the import alone makes Node warn that FFI is experimental, in every program that never calls it.
  const { dlopen, getInt32, getRawPointer } = process.getBuiltinModule("node:ffi");
  const { functions } = dlopen("libc.so.6", {
    bind: { return: "i32", arguments: ["i32", "buffer", "u32"] },
    close: { return: "i32", arguments: ["i32"] },
    fallocate: { return: "i32", arguments: ["i32", "i32", "i64", "i64"] },
    fcntl: { return: "i32", arguments: ["i32", "i32", "i32"] },
    flock: { return: "i32", arguments: ["i32", "i32"] },
    getsockname: { return: "i32", arguments: ["i32", "buffer", "buffer"] },
    getsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "buffer", "buffer"] },
    if_nametoindex: { return: "u32", arguments: ["buffer"] },
    lseek: { return: "i64", arguments: ["i32", "i64", "i32"] },
    posix_fadvise: { return: "i32", arguments: ["i32", "i64", "i64", "i32"] },
    preadv2: { return: "i64", arguments: ["i32", "buffer", "i32", "i64", "i32"] },
    recvmmsg: { return: "i32", arguments: ["i32", "buffer", "u32", "i32", "pointer"] },
    recvmsg: { return: "i64", arguments: ["i32", "buffer", "i32"] },
    sendmmsg: { return: "i32", arguments: ["i32", "buffer", "u32", "i32"] },
    sendmsg: { return: "i64", arguments: ["i32", "buffer", "i32"] },
    sendto: { return: "i64", arguments: ["i32", "buffer", "u64", "i32", "buffer", "u32"] },
    setsockopt: { return: "i32", arguments: ["i32", "i32", "i32", "buffer", "u32"] },
    shutdown: { return: "i32", arguments: ["i32", "i32"] },
    socket: { return: "i32", arguments: ["i32", "i32", "i32"] },
    __errno_location: { return: "pointer", arguments: [] },
  });
  const errnoAddress = functions.__errno_location;
  return { ...functions, errno: () => getInt32(errnoAddress()), addressOf: getRawPointer };
}
