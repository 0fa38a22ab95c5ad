import { parentPort, workerData } from "node:worker_threads";
import type { Icmp6Packet } from "./icmp6-socket.ts";
import { libc, throwErrno } from "./libc-file.ts";

const EINTR = 4;
const EAGAIN = 11;
const IPPROTO_IPV6 = 41;
const IPV6_HOPLIMIT = 52;

/** Longer messages are cut off: neighbour discovery sends nothing that does not fit one Ethernet frame. */
const MAX_MESSAGE_BYTES = 1500;

/*
 * One piece of memory with everything that recvmsg(2) reads and writes, as 64-bit Linux lays it out:
 *
 *   0  struct msghdr   name, its length, iovec, their number, control, its length, flags: 56 bytes
 *  64  struct iovec    address, length
 * 128  struct sockaddr_in6
 * 192  struct cmsghdr  length, level, type; the hop limit
 * 256  the message
 */
const IOVEC = 64;
const NAME = 128;
const NAME_BYTES = 28;
const CONTROL = 192;
const CONTROL_BYTES = 64;
const MESSAGE = 256;
const memory = new ArrayBuffer(MESSAGE + MAX_MESSAGE_BYTES);
const bytes = new Uint8Array(memory);
const longs = new BigUint64Array(memory, 0, MESSAGE / 8);
const ints = new Int32Array(memory, 0, MESSAGE / 4);

function receive(fd: number): Icmp6Packet | "closed" | "nothing" {
  const base = libc().addressOf(memory);
  bytes.fill(0, 0, MESSAGE);
  longs.set([base + BigInt(NAME), BigInt(NAME_BYTES), base + BigInt(IOVEC), 1n, base + BigInt(CONTROL)]);
  longs[5] = BigInt(CONTROL_BYTES);
  longs.set([base + BigInt(MESSAGE), BigInt(MAX_MESSAGE_BYTES)], IOVEC / 8);
  const length = Number(libc().recvmsg(fd, bytes, 0));
  if (length === 0) return "closed";
  if (length < 0) {
    const errno = libc().errno();
    if (errno === EAGAIN || errno === EINTR) return "nothing";
    throwErrno("recvmsg", "ICMPv6");
  }
  const [level, type, hopLimit = 0] = ints.subarray(CONTROL / 4 + 2, CONTROL / 4 + 5);
  return {
    message: bytes.slice(MESSAGE, MESSAGE + length),
    source: bytes.slice(NAME + 8, NAME + 24),
    // Zero when the kernel did not say: such a packet is no neighbour's.
    hopLimit: level === IPPROTO_IPV6 && type === IPV6_HOPLIMIT ? hopLimit : 0,
  };
}

const fd: unknown = workerData;
if (typeof fd === "number") {
  for (let packet = receive(fd); packet !== "closed"; packet = receive(fd))
    if (packet !== "nothing") parentPort?.postMessage(packet);
}
