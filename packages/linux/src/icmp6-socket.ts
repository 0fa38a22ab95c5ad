import { closeSync } from "node:fs";
import { endianness } from "node:os";
import { Worker } from "node:worker_threads";
import { libc, throwErrno } from "./libc-file.ts";

// <sys/socket.h>, <linux/in6.h>, <linux/icmpv6.h>, the generic (x86, arm) values.
const AF_INET6 = 10;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_BINDTODEVICE = 25;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_JOIN_GROUP = 20;
const IPV6_RECVHOPLIMIT = 51;
const IPPROTO_ICMPV6 = 58;
const ICMPV6_FILTER = 1;
const MSG_DONTWAIT = 0x40;
const SHUT_RDWR = 2;

/** The only hop limit that neighbour discovery knows: a packet that has it has passed no router (RFC 4861 §3.1). */
const HOP_LIMIT = 255;

/** A worker that is blocked in a receive cannot be ended; this is how long the process may have to wait for it. */
const RECEIVE_TIMEOUT_SECONDS = 1n;

/** One received message, from its type byte on; the kernel has verified its checksum (RFC 3542 §3.1). */
export interface Icmp6Packet {
  readonly message: Uint8Array;
  /** 16 bytes. */
  readonly source: Uint8Array;
  readonly hopLimit: number;
}

/** What to listen to. */
export interface Icmp6SocketOptions {
  /** Only packets that arrive by this interface are received, and all leave by it. */
  readonly device: string;
  /** ICMPv6 types to receive; the kernel drops all others. */
  readonly types: readonly number[];
  /** A multicast group to join, 16 bytes. */
  readonly group: Uint8Array;
  onPacket(packet: Icmp6Packet): void;
  /** Receiving has failed; the socket closes itself. */
  onError(error: unknown): void;
}

/** An open socket. */
export interface Icmp6Socket {
  /**
   * Sends a message with hop limit 255 to a link-local or multicast address (16 bytes); the kernel fills the checksum in
   * and the interface's link-local address. Throws `SystemCallError`, also when the send buffer is full: it never waits.
   * After the end it does nothing.
   */
  send(message: Uint8Array, destination: Uint8Array): void;
  /** Ends receiving and closes; idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a raw ICMPv6 socket on one interface for neighbour discovery (raw(7), RFC 3542), which needs CAP_NET_RAW now and
 * never later. Throws `SystemCallError`. Node adopts no raw sockets, so a worker thread waits in recvmsg(2).
 */
export function openRawIcmp6Socket(options: Icmp6SocketOptions): Icmp6Socket {
  const c = libc();
  const what = `ICMPv6 on ${options.device}`;
  const fd = c.socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  if (fd < 0) throwErrno("socket", what);
  let worker: Worker;
  try {
    configure(fd, options, what);
    worker = new Worker(new URL("./icmp6-worker.ts", import.meta.url), { workerData: fd });
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let open = true;
  const ended = Promise.withResolvers<void>();
  worker.on("message", (packet: Icmp6Packet) => options.onPacket(packet));
  worker.on("error", (error) => options.onError(error));
  worker.on("exit", () => {
    open = false;
    closeSync(fd);
    ended.resolve();
  });
  return {
    send(message, destination) {
      if (!open) return;
      const address = socketAddress(destination);
      if (c.sendto(fd, message, BigInt(message.length), MSG_DONTWAIT, address, address.length) < 0n)
        throwErrno("sendto", what);
    },
    close() {
      // Fails with ENOTCONN, as on every socket without a connection, and wakes the worker all the same.
      if (open) c.shutdown(fd, SHUT_RDWR);
      return ended.promise;
    },
  };
}

function configure(fd: number, { device, types, group }: Icmp6SocketOptions, what: string): void {
  const set = (level: number, option: number, value: Uint8Array): void => {
    if (libc().setsockopt(fd, level, option, value, value.length) !== 0) throwErrno("setsockopt", what);
  };
  set(SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(device));
  set(SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(BigInt64Array.of(RECEIVE_TIMEOUT_SECONDS, 0n).buffer));
  set(IPPROTO_ICMPV6, ICMPV6_FILTER, filterOf(types));
  set(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, int(1));
  set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, int(HOP_LIMIT));
  set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int(HOP_LIMIT));
  set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, int(0));
  const index = libc().if_nametoindex(new TextEncoder().encode(`${device}\0`));
  if (index === 0) throwErrno("if_nametoindex", what);
  // struct ipv6_mreq
  const membership = new Uint8Array(20);
  membership.set(group);
  membership.set(int(index), 16);
  set(IPPROTO_IPV6, IPV6_JOIN_GROUP, membership);
}

/** `struct icmp6_filter`: 256 bits, of which a set one keeps its type out. */
function filterOf(types: readonly number[]): Uint8Array {
  const words = new Uint32Array(8).fill(0xffff_ffff);
  for (const type of types) words[type >> 5] = (words[type >> 5] ?? 0) & ~(1 << (type & 31));
  return new Uint8Array(words.buffer);
}

/** A C int. */
function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}

/** `struct sockaddr_in6`: family in host order, the address from the eighth byte on; the device decides the scope. */
function socketAddress(destination: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(28);
  new DataView(bytes.buffer).setUint16(0, AF_INET6, endianness() === "LE");
  bytes.set(destination, 8);
  return bytes;
}
