import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { TargetServer } from "@ingot/iscsi";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MemoryDevice } from "../../packages/iscsi/test/memory-device.ts";
import { Session } from "./session.ts";

const TARGET = "iqn.2026-11.org.ingot:test";

let server: TargetServer;

beforeEach(async () => {
  const device = new MemoryDevice(1 << 20);
  server = await TargetServer.listen({
    address: "127.0.0.1",
    port: 0,
    directory: {
      credentials: async () => undefined,
      resolve: async ({ targetName }) =>
        targetName === TARGET ? { kind: "disk", device, id: "test" } : { kind: "refused", reason: "notFound" },
      list: async () => [],
    },
  });
});
afterEach(() => server.close());

function open(settings: { port?: number; target?: string; digests?: boolean; failed?: (error: Error) => void } = {}) {
  const { port = server.address.port, ...rest } = settings;
  const names = { initiator: "iqn.2026-11.org.ingot:tester", target: TARGET, isid: 1 };
  const place = { address: "127.0.0.1", port, lun: 0, maxRecvDataSegmentLength: 8192 };
  return Session.open({ ...names, ...place, failed: () => undefined, ...rest });
}

function read(session: Session, lba: number, blocks: number): Promise<Buffer> {
  const bytes = Buffer.alloc(blocks * 512);
  return new Promise((resolve) => {
    session.read(lba, blocks, {
      data: (piece, offset) => void piece.copy(bytes, offset),
      done: () => resolve(bytes),
    });
  });
}

test.each([false, true])("what is written is read again, with digests %s", async (digests) => {
  const session = await open({ digests });
  // More than the first burst: the rest is asked for.
  const payload = Buffer.alloc(600 * 512);
  for (let i = 0; i < payload.length; i++) payload[i] = (i * 31) >> 5;
  await new Promise<void>((resolve) => session.write(3, payload, { done: resolve }));
  await new Promise<void>((resolve) => session.flush({ done: resolve }));
  const reads = [read(session, 3, 600), read(session, 100, 1), read(session, 0, 3)];
  expect(await Promise.all(reads)).toEqual([payload, payload.subarray(97 * 512, 98 * 512), Buffer.alloc(3 * 512)]);
  session.close();
});

test("a target that there is not refuses the login", async () => {
  await expect(open({ target: "iqn.2026-11.org.ingot:other" })).rejects.toThrow(/refused/);
});

test("a read beyond the end ends the session with the status", async () => {
  const failed = new Promise<Error>((resolve) => {
    void open({ failed: resolve }).then((session) => session.read(1 << 20, 8, { done: () => undefined }));
  });
  expect((await failed).message).toMatch(/status 2/);
});

test("a target that hangs up fails the session", async () => {
  const hangsUp: Server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(hangsUp, "listening");
  await expect(open({ port: (hangsUp.address() as AddressInfo).port })).rejects.toThrow(
    /closed the connection|ECONNRESET/,
  );
  hangsUp.close();
});
