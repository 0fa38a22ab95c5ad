import { libc, throwErrno } from "./libc-file.ts";
import { SOCKET_ADDRESS_BYTES } from "./socket-address.ts";

// <linux/udp.h>
const SOL_UDP = 17;
const UDP_SEGMENT = 103;

// What a kernel or device says that cannot cut: unknown control message, no checksum offload, no such option.
const EIO = 5;
const EINVAL = 22;
const EOPNOTSUPP = 95;
const EINTR = 4;
const ENOBUFS = 105;

/** Datagrams that the kernel cuts out of one send (UDP_MAX_SEGMENTS of Linux before 6.9). */
const MAX_SEGMENTS = 64;

/*
 * What sendmsg(2) reads, as 64-bit Linux lays it out:
 *
 *   0  struct msghdr    56 bytes, and in a struct mmsghdr 8 more
 *  64  one of these for each datagram in sendmmsg(2)
 *   …  struct iovec for each
 *   …  struct cmsghdr   length, level, type; the size of a datagram (16 bits)
 *   …  struct sockaddr_in
 */
const HEADER_BYTES = 64;
const IOVECS: number = HEADER_BYTES * MAX_SEGMENTS;
const CONTROL: number = IOVECS + 16 * MAX_SEGMENTS;
const CONTROL_BYTES = 24;
const CONTROL_LENGTH = 18n;
const NAME: number = CONTROL + CONTROL_BYTES;

/** Sends many datagrams of one size in one call: the kernel or the network card cuts them (udp(7), UDP_SEGMENT); else one by one. */
export class SegmentedSend {
  readonly #fd: number;
  readonly #what: string;
  readonly #memory = new ArrayBuffer(NAME + SOCKET_ADDRESS_BYTES);
  readonly #bytes = new Uint8Array(this.#memory);
  readonly #longs = new BigUint64Array(this.#memory, 0, NAME / 8);
  readonly #base: bigint;
  #segments = true;

  constructor(fd: number, what: string) {
    this.#fd = fd;
    this.#what = what;
    this.#base = libc().addressOf(this.#memory);
    this.#longs[CONTROL / 8] = CONTROL_LENGTH;
    new Int32Array(this.#memory).set([SOL_UDP, UDP_SEGMENT], CONTROL / 4 + 2);
  }

  /** Whether the kernel has not refused so far. */
  get segments(): boolean {
    return this.#segments;
  }

  send(
    bytes: Uint8Array<ArrayBuffer>,
    start: number,
    length: number,
    segmentBytes: number,
    destination: Uint8Array,
  ): void {
    const count = Math.ceil(length / segmentBytes);
    if (count > MAX_SEGMENTS) throw new RangeError(`${count} datagrams in one send: at most ${MAX_SEGMENTS}`);
    this.#bytes.set(destination, NAME);
    const address = libc().addressOf(bytes.buffer) + BigInt(bytes.byteOffset + start);
    if (this.#segments && count > 1) {
      if (this.#sendWhole(address, length, segmentBytes)) return;
      this.#segments = false;
    }
    this.#sendSingly(address, length, segmentBytes, count);
  }

  /** False when the kernel or the device refuses to cut. */
  #sendWhole(address: bigint, length: number, segmentBytes: number): boolean {
    this.#header(0, address, length);
    this.#longs[4] = this.#base + BigInt(CONTROL);
    this.#longs[5] = BigInt(CONTROL_BYTES);
    new Uint16Array(this.#memory, CONTROL + 16, 1)[0] = segmentBytes;
    for (;;) {
      if (libc().sendmsg(this.#fd, this.#bytes, 0) >= 0n) return true;
      const errno = libc().errno();
      if (errno === EIO || errno === EINVAL || errno === EOPNOTSUPP) return false;
      if (errno === ENOBUFS) return true;
      if (errno !== EINTR) throwErrno("sendmsg", this.#what);
    }
  }

  #sendSingly(address: bigint, length: number, segmentBytes: number, count: number): void {
    for (let index = 0; index < count; index++) {
      const offset = index * segmentBytes;
      this.#header(index, address + BigInt(offset), Math.min(segmentBytes, length - offset));
    }
    let sent = 0;
    while (sent < count) {
      const done = libc().sendmmsg(this.#fd, this.#bytes.subarray(sent * HEADER_BYTES), count - sent, 0);
      if (done > 0) sent += done;
      else if (libc().errno() === ENOBUFS) sent += 1;
      else if (libc().errno() !== EINTR) throwErrno("sendmmsg", this.#what);
    }
  }

  /** `struct mmsghdr` and its `struct iovec`, without control data. */
  #header(index: number, address: bigint, length: number): void {
    const iovec = IOVECS + index * 16;
    this.#longs[iovec / 8] = address;
    this.#longs[iovec / 8 + 1] = BigInt(length);
    const header = [this.#base + BigInt(NAME), BigInt(SOCKET_ADDRESS_BYTES), this.#base + BigInt(iovec), 1n, 0n, 0n];
    this.#longs.set(header, (index * HEADER_BYTES) / 8);
  }
}
