import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, fstatSync, mkdtempSync, openSync, readdirSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  duplicateDescriptor,
  lockFile,
  openRawIcmp6Socket,
  openUdpSocket,
  punchHole,
  seekData,
  seekHole,
  SystemCallError,
} from "./index.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ingot-linux-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("a punched hole gives its space back and reads as zeros", () => {
  const fd = openSync(join(dir, "file"), "w+");
  writeSync(fd, new Uint8Array(1 << 20).fill(7));
  const before = fstatSync(fd).blocks;
  expect(punchHole(fd, 0, 1 << 19)).toBe(true);
  expect(fstatSync(fd).blocks).toBeLessThan(before);
  const bytes = new Uint8Array(2);
  readSync(fd, bytes, 0, 2, (1 << 19) - 1);
  expect([...bytes]).toEqual([0, 7]);
  expect(fstatSync(fd).size).toBe(1 << 20);
  closeSync(fd);
});

test("data and holes of a sparse file are found", () => {
  const fd = openSync(join(dir, "file"), "w+");
  writeSync(fd, new Uint8Array(4096).fill(1), 0, 4096, 1 << 20);
  expect(seekData(fd, 0)).toBe(1 << 20);
  expect(seekHole(fd, 0)).toBe(0);
  expect(seekHole(fd, 1 << 20)).toBe((1 << 20) + 4096);
  expect(seekData(fd, (1 << 20) + 4096)).toBeUndefined();
  closeSync(fd);
});

test("a duplicated descriptor outlives the first one; one that is not open cannot be duplicated", () => {
  const fd = openSync(join(dir, "file"), "w+");
  const copy = duplicateDescriptor(fd);
  closeSync(fd);
  expect(writeSync(copy, new Uint8Array(3))).toBe(3);
  closeSync(copy);
  expect(() => duplicateDescriptor(copy)).toThrow(expect.objectContaining({ code: "EBADF" }));
});

test("a lock is exclusive until it is closed, and closing twice is harmless", () => {
  const path = join(dir, "lock");
  const lock = lockFile(path);
  expect(lock).toBeDefined();
  expect(lockFile(path)).toBeUndefined();
  lock?.close();
  lock?.close();
  lockFile(path)?.close();
});

test("a socket bound to a device receives through dgram", async () => {
  const fd = openUdpSocket({ address: "127.0.0.1", port: 0, device: "lo", broadcast: true });
  // With a descriptor, dgram announces "listening" before bind() returns: there is nothing to wait for.
  const receiver = createSocket("udp4").bind({ fd });
  const sender = createSocket("udp4");
  sender.send("hello", receiver.address().port, "127.0.0.1");
  const [message] = (await once(receiver, "message")) as [Uint8Array];
  expect(new TextDecoder().decode(message)).toBe("hello");
  sender.close();
  receiver.close();
});

test("a port in use is named in the error, with the code that Node uses", () => {
  const fd = openUdpSocket({ address: "127.0.0.1", port: 47069 });
  try {
    openUdpSocket({ address: "127.0.0.1", port: 47069 });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(SystemCallError);
    expect((error as SystemCallError).code).toBe("EADDRINUSE");
    expect((error as SystemCallError).message).toContain("127.0.0.1:47069");
  }
  closeSync(fd);
});

test("a raw socket that cannot be had is an error at once, and leaves nothing open", () => {
  const before = readdirSync("/proc/self/fd").length;
  const unused = (): never => expect.unreachable();
  const options = { types: [133], group: new Uint8Array(16), onPacket: unused, onError: unused };
  // Without CAP_NET_RAW it fails before it looks for the interface.
  expect(() => openRawIcmp6Socket({ device: "none0", ...options })).toThrow(/ICMPv6 on none0: .*(ENODEV|EPERM)/);
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});
