import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest } from "../../test/initiator.ts";
import { MemoryDevice } from "../../test/memory-device.ts";

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
  await connection.connection.close("disconnected");
  opening.resolve();
  await connection.receive();
  expect(closed).toEqual(["x"]);
  expect(harness.target.sessions()).toEqual([]);
});
