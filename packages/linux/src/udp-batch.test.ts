import { createSocket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { decodeSocketAddress, encodeSocketAddress, ReceiveBatch, SystemCallError, UdpBatchSocket } from "./index.ts";
import type { UdpBatchOptions } from "./index.ts";
import { libc } from "./libc-file.ts";

// <asm-generic/socket.h>
const SOL_SOCKET = 1;
const SO_NO_CHECK = 11;

const open: UdpBatchSocket[] = [];
afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function openSocket(options: Partial<UdpBatchOptions> = {}): UdpBatchSocket {
  const socket = UdpBatchSocket.open({ address: "127.0.0.1", port: 0, receiveTimeoutMs: 500, ...options });
  open.push(socket);
  return socket;
}

/** All datagrams that arrive, cut apart again, and in how many pieces the kernel gave them. */
function receiveAll(socket: UdpBatchSocket, bytesWanted: number): { datagrams: Uint8Array[]; given: number } {
  const batch = new ReceiveBatch(4);
  const datagrams: Uint8Array[] = [];
  let given = 0;
  let bytes = 0;
  for (
    let count = socket.receive(batch, true);
    count > 0;
    count = bytes < bytesWanted ? socket.receive(batch, true) : 0
  ) {
    given += count;
    for (let slot = 0; slot < count; slot++) {
      const { start, length, segmentBytes } = batch.take(slot);
      bytes += length;
      for (let at = 0; at < length; at += segmentBytes)
        datagrams.push(batch.bytes.slice(start + at, start + Math.min(at + segmentBytes, length)));
    }
  }
  return { datagrams, given };
}

const payload = Uint8Array.from({ length: 46 * 1400 - 100 + 8 }, (_unused, index) => (index * 7) >> 3).subarray(8);

test("64 KiB leave in one call as datagrams of 1,400 bytes, and come back put together", () => {
  const receiver = openSocket({ receiveBufferBytes: 1 << 20 });
  const sender = openSocket();
  sender.send(payload, 0, payload.length, 1400, encodeSocketAddress({ address: "127.0.0.1", port: receiver.port }));
  const { datagrams, given } = receiveAll(receiver, payload.length);
  expect(sender.segments).toBe(true);
  expect(given).toBe(1);
  expect(datagrams).toHaveLength(46);
  expect(Buffer.concat(datagrams).equals(payload)).toBe(true);
  expect(datagrams.at(-1)).toHaveLength(1300);
});

test("a receiver that knows nothing of it gets single datagrams", async () => {
  const receiver = createSocket("udp4").bind(0, "127.0.0.1");
  await once(receiver, "listening");
  const lengths: number[] = [];
  receiver.on("message", (message) => lengths.push(message.length));
  openSocket().send(
    payload,
    100,
    5000,
    1400,
    encodeSocketAddress({ address: "127.0.0.1", port: receiver.address().port }),
  );
  await expect.poll(() => lengths).toEqual([1400, 1400, 1400, 800]);
  receiver.close();
});

test("what the kernel refuses to cut leaves one by one", () => {
  const receiver = openSocket({ receiveBufferBytes: 1 << 20 });
  const sender = openSocket();
  // Without checksums it does not cut (EINVAL), as with a network card that cannot compute them.
  expect(libc().setsockopt(sender.fd, SOL_SOCKET, SO_NO_CHECK, new Uint8Array([1, 0, 0, 0]), 4)).toBe(0);
  const destination = encodeSocketAddress({ address: "127.0.0.1", port: receiver.port });
  for (let round = 0; round < 2; round++) {
    sender.send(payload, 0, payload.length, 1400, destination);
    expect(sender.segments).toBe(false);
    const { datagrams, given } = receiveAll(receiver, payload.length);
    expect(given).toBe(46);
    expect(Buffer.concat(datagrams).equals(payload)).toBe(true);
  }
});

test("datagrams of several senders stay apart, and say whose they are", () => {
  const receiver = openSocket();
  const senders = [openSocket(), openSocket()];
  for (const [index, sender] of senders.entries())
    sender.send(payload, index, 10, 10, encodeSocketAddress({ address: "127.0.0.1", port: receiver.port }));
  const batch = new ReceiveBatch(4);
  let count = 0;
  const sources: number[] = [];
  while (count < 2) {
    const received = receiver.receive(batch, true);
    for (let slot = 0; slot < received; slot++) {
      sources.push(decodeSocketAddress(batch.sourceOf(slot)).port);
      expect(batch.take(slot)).toMatchObject({ length: 10, segmentBytes: 10 });
    }
    count += received;
  }
  expect(sources).toEqual(senders.map((sender) => sender.port));
});

test("nothing to receive is 0, at once or after the timeout", () => {
  const socket = openSocket({ receiveTimeoutMs: 10 });
  expect(socket.receive(new ReceiveBatch(1), false)).toBe(0);
  expect(socket.receive(new ReceiveBatch(1), true)).toBe(0);
});

test("a group is heard by all who joined it, and by nobody else", () => {
  const group = { address: "239.255.77.1", port: 26_001 };
  const members = [1, 2].map(() => openSocket({ ...group, reuseAddress: true }));
  const stranger = openSocket({ ...group, reuseAddress: true, receiveTimeoutMs: 10 });
  for (const member of members) {
    member.joinGroup(group.address, "127.0.0.1");
    member.joinGroup(group.address, "127.0.0.1");
  }
  const sender = openSocket();
  sender.sendToGroups({ interfaceAddress: "127.0.0.1", ttl: 1, loop: true });
  sender.send(payload, 0, 2800, 1400, encodeSocketAddress(group));
  for (const member of members) expect(receiveAll(member, 2800).datagrams).toHaveLength(2);
  expect(stranger.receive(new ReceiveBatch(1), true)).toBe(0);
  members[0]?.leaveGroup(group.address, "127.0.0.1");
  members[0]?.leaveGroup(group.address, "127.0.0.1");
});

test("a port in use is an error with the errno's name; closing twice is harmless", () => {
  const first = openSocket();
  expect(() => openSocket({ port: first.port })).toThrow(SystemCallError);
  first.close();
  first.close();
});

test("a receive buffer is as large as was asked for, or as the system allows", () => {
  expect(openSocket({ receiveBufferBytes: 4 << 20 }).receiveBufferBytes).toBeGreaterThan(200_000);
});
