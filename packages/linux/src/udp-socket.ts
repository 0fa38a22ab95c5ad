import { libc, throwErrno } from "./libc-file.ts";
import { AF_INET, encodeSocketAddress } from "./socket-address.ts";

// <sys/socket.h>, the generic (x86, arm) values.
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BROADCAST = 6;
const SO_BINDTODEVICE = 25;

/** What to bind; `device` is an interface's name (`eth0`). */
export interface UdpSocketOptions {
  readonly address: string;
  readonly port: number;
  /** Only packets that arrive by this interface are received, and all leave by it. */
  readonly device?: string;
  readonly broadcast?: boolean;
  readonly reuseAddress?: boolean;
}

/**
 * Opens and binds an IPv4 UDP socket and returns its descriptor, to be handed to `dgram.Socket.bind({ fd })`.
 * A DHCP server needs this: its answers go to 255.255.255.255 and must leave by one interface and no other
 * (socket(7), SO_BINDTODEVICE), which Node's own sockets cannot ask for. Throws `SystemCallError`.
 * dgram emits "listening" within that `bind` call: whoever waits for it must listen before.
 */
export function openUdpSocket(options: UdpSocketOptions): number {
  const c = libc();
  const what = `${options.address}:${options.port}${options.device === undefined ? "" : ` on ${options.device}`}`;
  const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throwErrno("socket", what);
  try {
    if (options.reuseAddress === true) setFlag(fd, SO_REUSEADDR, what);
    if (options.broadcast === true) setFlag(fd, SO_BROADCAST, what);
    if (options.device !== undefined) {
      const name = new TextEncoder().encode(options.device);
      if (c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length) !== 0)
        throwErrno("setsockopt SO_BINDTODEVICE", what);
    }
    const address = encodeSocketAddress(options);
    if (c.bind(fd, address, address.length) !== 0) throwErrno("bind", what);
  } catch (error) {
    c.close(fd);
    throw error;
  }
  return fd;
}

function setFlag(fd: number, option: number, what: string): void {
  const one = new Uint8Array(Int32Array.of(1).buffer);
  if (libc().setsockopt(fd, SOL_SOCKET, option, one, one.length) !== 0) throwErrno("setsockopt", what);
}
