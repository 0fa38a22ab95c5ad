import { libc, throwErrno } from "./libc-file.ts";
import type { ReceiveBatch } from "./receive-batch.ts";
import { SegmentedSend } from "./segmented-send.ts";
import {
  AF_INET,
  decodeSocketAddress,
  encodeSocketAddress,
  ipv4Bytes,
  SOCKET_ADDRESS_BYTES,
} from "./socket-address.ts";

// <sys/socket.h>, <netinet/in.h>, <linux/udp.h>: the generic (x86, arm) values.
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IP = 0;
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_MULTICAST_LOOP = 34;
const IP_ADD_MEMBERSHIP = 35;
const IP_DROP_MEMBERSHIP = 36;
const IP_MULTICAST_ALL = 49;
const SOL_UDP = 17;
const UDP_GRO = 104;
const MSG_DONTWAIT = 0x40;
const MSG_WAITFORONE = 0x1_0000;
const EINTR = 4;
const EAGAIN = 11;
const ENOPROTOOPT = 92;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;

/** What to open. */
export interface UdpBatchOptions {
  readonly address: string;
  readonly port: number;
  /** Others may bind the same address and port: each of them gets what is sent to a group. */
  readonly reuseAddress?: boolean;
  /** Wanted sizes of the kernel's buffers, in bytes; without CAP_NET_ADMIN the system's limits (`net.core.rmem_max`) hold. */
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
  /** How long a receive waits at most, in milliseconds. Default: for ever. */
  readonly receiveTimeoutMs?: number;
}

/**
 * A blocking IPv4 UDP socket for many datagrams of one size: one call sends up to 64 KiB of them (UDP_SEGMENT), one call receives what the kernel
 * put together again (UDP_GRO, recvmmsg(2)). Where the kernel or a device cannot, it does the same with one datagram each. It waits in system calls:
 * for a thread of its own. All methods throw `SystemCallError`.
 */
export class UdpBatchSocket {
  readonly fd: number;
  readonly port: number;
  /** What the kernel gave, in bytes: half of it is for data, the other for its own bookkeeping. */
  readonly receiveBufferBytes: number;
  readonly #what: string;
  readonly #send: SegmentedSend;
  #open = true;

  private constructor(fd: number, what: string) {
    this.fd = fd;
    this.#what = what;
    this.#send = new SegmentedSend(fd, what);
    this.port = portOf(fd, what);
    this.receiveBufferBytes = intOption(fd, SOL_SOCKET, SO_RCVBUF, what);
  }

  static open(options: UdpBatchOptions): UdpBatchSocket {
    const c = libc();
    const what = `${options.address}:${options.port}`;
    const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throwErrno("socket", what);
    try {
      configure(fd, options, what);
      const address = encodeSocketAddress(options);
      if (c.bind(fd, address, address.length) !== 0) throwErrno("bind", what);
      return new UdpBatchSocket(fd, what);
    } catch (error) {
      c.close(fd);
      throw error;
    }
  }

  /** How packets to groups leave: by the interface with this address, through at most `ttl` networks, and back to this machine or not. */
  sendToGroups(options: { readonly interfaceAddress: string; readonly ttl: number; readonly loop: boolean }): void {
    setOption(this.fd, IPPROTO_IP, IP_MULTICAST_IF, Uint8Array.from(ipv4Bytes(options.interfaceAddress)), this.#what);
    setOption(this.fd, IPPROTO_IP, IP_MULTICAST_TTL, int(options.ttl), this.#what);
    setOption(this.fd, IPPROTO_IP, IP_MULTICAST_LOOP, int(options.loop ? 1 : 0), this.#what);
  }

  /** Receives what is sent to a group and arrives by the interface with this address, and of no other group. Joining twice is harmless. */
  joinGroup(group: string, interfaceAddress: string): void {
    if (this.#member(IP_ADD_MEMBERSHIP, group, interfaceAddress) !== 0 && libc().errno() !== EADDRINUSE)
      throwErrno("setsockopt", `IP_ADD_MEMBERSHIP ${group} on ${interfaceAddress}`);
  }

  /** Ends it; leaving what was not joined is harmless. */
  leaveGroup(group: string, interfaceAddress: string): void {
    if (this.#member(IP_DROP_MEMBERSHIP, group, interfaceAddress) !== 0 && libc().errno() !== EADDRNOTAVAIL)
      throwErrno("setsockopt", `IP_DROP_MEMBERSHIP ${group} on ${interfaceAddress}`);
  }

  /** Whether the kernel cuts what is sent: not before the first refusal. */
  get segments(): boolean {
    return this.#send.segments;
  }

  /**
   * Sends `length` bytes of `bytes` from `start` on as datagrams of `segmentBytes`, of which the last may be shorter; at most 64 datagrams and
   * 65,507 bytes. Waits while the send buffer is full. `destination` is an encoded socket address.
   */
  send(
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    length: number,
    segmentBytes: number,
    destination: Uint8Array,
  ): void {
    this.#send.send(bytes, start, length, segmentBytes, destination);
  }

  /**
   * Receives what is there. Returns the number of slots filled: 0 when nothing came within the timeout, or at once with `wait` false.
   * Each of them MUST be taken from the batch before the next receive.
   */
  receive(batch: ReceiveBatch, wait: boolean): number {
    const count = batch.receive(this.fd, wait ? MSG_WAITFORONE : MSG_DONTWAIT);
    if (count >= 0) return count;
    const errno = libc().errno();
    if (errno === EAGAIN || errno === EINTR) return 0;
    return throwErrno("recvmmsg", this.#what);
  }

  /** Idempotent. Not while another thread waits in `receive`. */
  close(): void {
    if (this.#open) libc().close(this.fd);
    this.#open = false;
  }

  /** `struct ip_mreq` */
  #member(option: number, group: string, interfaceAddress: string): number {
    const request = Uint8Array.from([...ipv4Bytes(group), ...ipv4Bytes(interfaceAddress)]);
    return libc().setsockopt(this.fd, IPPROTO_IP, option, request, request.length);
  }
}

function configure(fd: number, options: UdpBatchOptions, what: string): void {
  if (options.reuseAddress === true) setOption(fd, SOL_SOCKET, SO_REUSEADDR, int(1), what);
  // Without this a socket gets the packets of every group that anybody on this machine has joined.
  setOption(fd, IPPROTO_IP, IP_MULTICAST_ALL, int(0), what);
  if (options.receiveBufferBytes !== undefined)
    setBuffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, options.receiveBufferBytes, what);
  if (options.sendBufferBytes !== undefined) setBuffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, options.sendBufferBytes, what);
  if (options.receiveTimeoutMs !== undefined) {
    const timeout = BigInt64Array.of(
      BigInt(Math.trunc(options.receiveTimeoutMs / 1000)),
      BigInt((options.receiveTimeoutMs % 1000) * 1000),
    );
    setOption(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeout.buffer), what);
  }
  // Linux before 5.0 does not know it: datagrams come one by one then.
  const gro = int(1);
  if (libc().setsockopt(fd, SOL_UDP, UDP_GRO, gro, gro.length) !== 0 && libc().errno() !== ENOPROTOOPT)
    throwErrno("setsockopt", `UDP_GRO of ${what}`);
}

/** Past the system's limit where the process may, else up to it. */
function setBuffer(fd: number, forced: number, plain: number, sizeBytes: number, what: string): void {
  const value = int(sizeBytes);
  if (libc().setsockopt(fd, SOL_SOCKET, forced, value, value.length) !== 0)
    setOption(fd, SOL_SOCKET, plain, value, what);
}

function setOption(fd: number, level: number, option: number, value: Uint8Array, what: string): void {
  if (libc().setsockopt(fd, level, option, value, value.length) !== 0)
    throwErrno("setsockopt", `${level}/${option} of ${what}`);
}

function intOption(fd: number, level: number, option: number, what: string): number {
  const value = Int32Array.of(0);
  if (libc().getsockopt(fd, level, option, new Uint8Array(value.buffer), int(4)) !== 0) throwErrno("getsockopt", what);
  return value[0] ?? 0;
}

function portOf(fd: number, what: string): number {
  const address = new Uint8Array(SOCKET_ADDRESS_BYTES);
  if (libc().getsockname(fd, address, int(address.length)) !== 0) throwErrno("getsockname", what);
  return decodeSocketAddress(address).port;
}

/** A C int. */
function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
