import { libc } from "./libc-file.ts";
import { SOCKET_ADDRESS_BYTES } from "./socket-address.ts";

// <linux/udp.h>
const SOL_UDP = 17;
const UDP_GRO = 104;

/** Largest UDP datagram, and so the most that the kernel puts together, rounded up. */
const SLOT_BYTES = 65_536;

/*
 * What recvmmsg(2) reads and writes, as 64-bit Linux lays it out. First the headers, one behind the other:
 *
 *   0  struct mmsghdr   name, its length, iovec, their number, control, its length, flags, received length: 64 bytes
 *
 * then for each of them:
 *
 *   0  struct iovec     address, length
 *  16  struct sockaddr_in
 *  32  struct cmsghdr   length, level, type; the size of the datagrams put together
 *  64
 */
const HEADER_BYTES = 64;
const RECORD_BYTES = 64;
const NAME = 16;
const CONTROL = 32;
const CONTROL_BYTES = 32;
const NAME_LENGTH = 8;
const CONTROL_LENGTH = 40;
const MESSAGE_LENGTH = 56;

/** A received datagram, or several of one sender and one size that the kernel put together, one behind the other. */
export interface ReceivedDatagram {
  /** Where it begins in `ReceiveBatch.bytes`. */
  readonly start: number;
  readonly length: number;
  /** Bytes of each single one; the last may be shorter. `length` when it came alone. */
  readonly segmentBytes: number;
}

/** Room for some datagrams, received in one system call. One for each thread; used again and again. */
export class ReceiveBatch {
  readonly capacity: number;
  /** The datagrams' bytes: valid until the next receive. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #memory: ArrayBuffer;
  readonly #records: Uint8Array;
  readonly #ints: Int32Array;

  /** @param capacity datagrams in one call, each of 64 KiB. */
  constructor(capacity: number) {
    this.capacity = capacity;
    const overhead = capacity * (HEADER_BYTES + RECORD_BYTES);
    this.#memory = new ArrayBuffer(overhead + capacity * SLOT_BYTES);
    this.#records = new Uint8Array(this.#memory, 0, overhead);
    this.#ints = new Int32Array(this.#memory, 0, overhead / 4);
    this.bytes = new Uint8Array(this.#memory, overhead);
    const longs = new BigUint64Array(this.#memory, 0, overhead / 8);
    const base = libc().addressOf(this.#memory);
    for (let slot = 0; slot < capacity; slot++) {
      const record = this.#recordOf(slot);
      const address = base + BigInt(record);
      longs.set([address + BigInt(NAME), 0n, address, 1n, address + BigInt(CONTROL)], (slot * HEADER_BYTES) / 8);
      longs.set([base + BigInt(overhead + slot * SLOT_BYTES), BigInt(SLOT_BYTES)], record / 8);
      this.#prepare(slot);
    }
  }

  /** Datagrams received, 0 when there was nothing to receive in time, or a negative number: see `errno`. */
  receive(fd: number, flags: number): number {
    return libc().recvmmsg(fd, this.#records, this.capacity, flags, 0n);
  }

  /** The datagram in a slot of the last receive. To be called once for each: it also prepares the slot for the next one. */
  take(slot: number): ReceivedDatagram {
    const header = (slot * HEADER_BYTES) / 4;
    const control = (this.#recordOf(slot) + CONTROL) / 4;
    const length = this.#ints[header + MESSAGE_LENGTH / 4] ?? 0;
    const size = this.#ints[control + 4] ?? 0;
    const joined =
      this.#ints[header + CONTROL_LENGTH / 4] !== 0 &&
      this.#ints[control + 2] === SOL_UDP &&
      this.#ints[control + 3] === UDP_GRO &&
      size > 0;
    this.#prepare(slot);
    return { start: slot * SLOT_BYTES, length, segmentBytes: joined ? size : length };
  }

  /** A copy of the `struct sockaddr_in` of the sender of the datagram in a slot. */
  sourceOf(slot: number): Uint8Array {
    const name = this.#recordOf(slot) + NAME;
    return this.#records.slice(name, name + SOCKET_ADDRESS_BYTES);
  }

  /** The kernel has overwritten the lengths with what it used. */
  #prepare(slot: number): void {
    const at = (slot * HEADER_BYTES) / 4;
    this.#ints[at + NAME_LENGTH / 4] = SOCKET_ADDRESS_BYTES;
    this.#ints[at + CONTROL_LENGTH / 4] = CONTROL_BYTES;
    this.#ints[at + CONTROL_LENGTH / 4 + 1] = 0;
  }

  #recordOf(slot: number): number {
    return this.capacity * HEADER_BYTES + slot * RECORD_BYTES;
  }
}
