import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, pattern, read10, READS, TARGET_NAME, write10, WRITES } from "../../test/harness.ts";
import { LoginFlags, loginRequest } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";
import type { BlockDevice } from "../block-device.ts";
import { ScsiStatus } from "../scsi/status.ts";

const NAMES = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, "SessionType=Normal"];

test("the same initiator port logging in again ends its old session first", async () => {
  const harness = new Harness();
  const old = await harness.login();
  const again = await harness.login();
  expect(old.transport.ended).toBe(true);
  expect(again.transport.ended).toBe(false);
  expect(harness.closed).toEqual([INITIATOR_NAME]);
  expect(harness.target.sessions()).toHaveLength(1);
  expect(harness.events.map((event) => event.kind)).toEqual(["login", "logout", "login"]);
  expect(harness.events[1]).toMatchObject({ reason: "reinstated" });
});

test("a session that is still ending is waited for before its disk is opened again", async () => {
  const steps: string[] = [];
  const closing = Promise.withResolvers<void>();
  const harness = new Harness({
    directory: {
      resolve: async () => {
        steps.push("open");
        const closed = async (): Promise<void> => {
          await closing.promise;
          steps.push("closed");
        };
        return { kind: "disk", device: new MemoryDevice(4096), id: "x", closed };
      },
    },
  });
  const old = await harness.login();
  void old.connection.close("disconnected");
  const again = harness.connect();
  again.send(loginRequest(LoginFlags.operationalToFullFeature, NAMES));
  expect(await again.receive()).toEqual([]);
  closing.resolve();
  expect(await again.receive()).toMatchObject([{ opcode: 0x23, words: [0, 0, 0] }]);
  expect(steps).toEqual(["open", "closed", "open"]);
});

test("another ISID is another session on the same disk", async () => {
  const harness = new Harness();
  await harness.login();
  await harness.login([], { word8: [0x40, 0, 0, 2, 0, 0, 0, 0] });
  expect(harness.target.sessions()).toHaveLength(2);
});

test("a peer that leaves while its disk is opened leaves nothing behind", async () => {
  const opening = Promise.withResolvers<void>();
  const closed: string[] = [];
  const harness = new Harness({
    directory: {
      resolve: async () => {
        await opening.promise;
        return { kind: "disk", device: new MemoryDevice(4096), id: "x", closed: () => void closed.push("x") };
      },
    },
  });
  const connection = harness.connect();
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, NAMES));
  await connection.receive();
  const left = connection.connection.close("disconnected");
  opening.resolve();
  await left;
  expect(closed).toEqual(["x"]);
  expect(harness.target.sessions()).toEqual([]);
});

test("the end of a connection is the end for everybody who asks, writes and `closed` included", async () => {
  const steps: string[] = [];
  const writing = Promise.withResolvers<void>();
  const device = new MemoryDevice(1_048_576);
  let end: () => Promise<void> = async () => undefined;
  const harness = new Harness({
    directory: {
      resolve: async (login) => {
        end = () => login.end();
        const slow = { ...methodsOf(device), write: () => writing.promise.then(() => void steps.push("written")) };
        return { kind: "disk", device: slow, id: "x", closed: () => void steps.push("closed") };
      },
    },
  });
  const connection = await harness.login();
  connection.command(write10(0, 1), { flags: WRITES, expected: 512, data: pattern(512) });
  await connection.receive();
  void connection.connection.close("disconnected");
  const ends = [connection.connection.close("shutdown"), end()].map((ended) =>
    ended.then(() => void steps.push("end")),
  );
  await connection.receive();
  expect(steps).toEqual([]);
  writing.resolve();
  await Promise.all(ends);
  expect(steps).toEqual(["written", "closed", "end", "end"]);
});

test("two names of one disk share its reservations", async () => {
  const device = new MemoryDevice(1_048_576);
  const harness = new Harness({ directory: { resolve: async () => ({ kind: "disk", device, id: "x" }) } });
  const bare = await harness.login();
  const boot = harness.connect();
  const names = [`InitiatorName=${INITIATOR_NAME}2`, `TargetName=${TARGET_NAME}:boot7`, "SessionType=Normal"];
  boot.send(loginRequest(LoginFlags.operationalToFullFeature, names));
  await boot.receive();
  bare.command([0x16, 0, 0, 0, 0, 0]);
  expect(await bare.receive()).toMatchObject([{ flags: 0x80 }]);
  boot.command(read10(0, 1), { flags: READS, expected: 512 });
  const [refused] = await boot.receive();
  expect(refused?.opcode).toBe(0x21);
  expect(refused?.header[3]).toBe(ScsiStatus.reservationConflict);
});

test("what is malformed, refused and logged in is counted", async () => {
  const harness = new Harness();
  await harness.login();
  const stranger = harness.connect();
  stranger.send(loginRequest(LoginFlags.operationalToFullFeature, [...NAMES, "TargetName=iqn.2026-11.org.ingot:none"]));
  await stranger.receive();
  const noise = harness.connect();
  noise.send(new Uint8Array(48).fill(0xff));
  await noise.receive();
  expect(harness.target.counters).toEqual({ logins: 1, refusedLogins: 1, malformed: 1, failed: 0 });
});

function methodsOf(device: MemoryDevice): BlockDevice {
  return {
    sizeBytes: device.sizeBytes,
    read: (offset, into) => device.read(offset, into),
    write: (offset, bytes) => device.write(offset, bytes),
    flush: () => device.flush(),
    discard: (offset, length) => device.discard(offset, length),
  };
}

test("a disk that has come up anew says so to the first command, but not to INQUIRY and REPORT LUNS", async () => {
  const harness = new Harness({ disk: { hasPoweredOn: true } });
  const connection = await harness.login();
  connection.command([0x12, 0, 0, 0, 36], { flags: 0xc0, expected: 36 });
  connection.command([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16], { flags: 0xc0, expected: 16 });
  connection.command([0x00]);
  connection.command([0x00]);
  const replies = await connection.receive();
  expect(replies.map(({ opcode }) => opcode)).toEqual([0x25, 0x25, 0x21, 0x21]);
  // CHECK CONDITION with UNIT ATTENTION, 29h/01h; then GOOD.
  expect(replies[2]?.header[3]).toBe(2);
  expect(replies[2]?.data.toHex()).toBe("0012" + "70000600000000" + "0a00000000" + "290100000000");
  expect(replies[3]?.header[3]).toBe(0);
});

test("reservations that cannot be read refuse the login, and the disk is given back", async () => {
  const reservations = { load: async () => new Uint8Array(64), save: async () => undefined };
  const harness = new Harness({ disk: { reservations } });
  await expect(harness.login()).rejects.toThrow();
  expect(harness.closed).toHaveLength(1);
  expect(harness.events).toContainEqual(expect.objectContaining({ kind: "refused", status: 0x0300 }));
});
