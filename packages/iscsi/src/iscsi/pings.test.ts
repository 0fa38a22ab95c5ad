import { expect, test } from "vitest";
import { Harness } from "../../test/harness.ts";
import type { TestConnection } from "../../test/harness.ts";
import { pdu } from "../../test/initiator.ts";
import { PING_AFTER_SILENCE_MS, PING_TIMEOUT_MS } from "../limits.ts";

const NO_TAG = 0xffff_ffff;

/** A ping of the initiator's, or, with a Target Transfer Tag, its answer to ours. */
function nopOut(itt: number, ttt = NO_TAG): Uint8Array {
  return pdu("nopOut", { immediate: true, itt, word20: ttt, cmdSN: 1 });
}

/** Time passes, and the target looks for silent sessions. */
async function wait(harness: Harness, connection: TestConnection, ms: number) {
  harness.nowMs += ms;
  harness.target.checkSessions();
  return connection.receive();
}

test("an initiator that never pings is never pinged, however long it is silent (iPXE)", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  expect(await wait(harness, connection, 24 * 3_600_000)).toEqual([]);
  expect(connection.transport.ended).toBe(false);
});

test("one that pings is pinged after a silence; the ping uses up no StatSN", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(nopOut(1));
  await connection.receive();
  expect(await wait(harness, connection, PING_AFTER_SILENCE_MS - 1)).toEqual([]);
  const [ping] = await wait(harness, connection, 1);
  expect(ping).toMatchObject({ opcode: 0x20, flags: 0x80, itt: NO_TAG, statSN: 2 });
  expect(ping?.ttt).not.toBe(NO_TAG);
  connection.send(nopOut(NO_TAG, ping?.ttt));
  connection.command([0x00]);
  expect(await connection.receive()).toMatchObject([{ opcode: 0x21, statSN: 2 }]);
});

test("silence after an answered ping is death: the disk is given back", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(nopOut(1));
  await connection.receive();
  const [first] = await wait(harness, connection, PING_AFTER_SILENCE_MS);
  connection.send(nopOut(NO_TAG, first?.ttt));
  const [second] = await wait(harness, connection, PING_AFTER_SILENCE_MS);
  expect(second?.opcode).toBe(0x20);
  expect(second?.ttt).not.toBe(first?.ttt);
  await wait(harness, connection, PING_TIMEOUT_MS - 1);
  expect(connection.transport.ended).toBe(false);
  await wait(harness, connection, 1);
  expect(connection.transport.ended).toBe(true);
  expect(harness.closed).toHaveLength(1);
  expect(harness.events.at(-1)).toMatchObject({ kind: "logout", reason: "timeout" });
});

test("one that pings but has never answered a ping is not taken for dead", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(nopOut(1));
  await connection.receive();
  await wait(harness, connection, PING_AFTER_SILENCE_MS);
  expect(await wait(harness, connection, 100 * PING_TIMEOUT_MS)).toEqual([]);
  expect(connection.transport.ended).toBe(false);
});

test("whatever else an initiator sends shows that it is there; an answer with a wrong tag is no answer", async () => {
  const harness = new Harness();
  const connection = await harness.login();
  connection.send(nopOut(1));
  await connection.receive();
  const [ping] = await wait(harness, connection, PING_AFTER_SILENCE_MS);
  connection.send(nopOut(NO_TAG, ping?.ttt));
  await wait(harness, connection, PING_AFTER_SILENCE_MS);
  harness.nowMs += PING_TIMEOUT_MS - 1;
  connection.send(nopOut(NO_TAG, 12_345));
  await wait(harness, connection, 2);
  expect(connection.transport.ended).toBe(false);
});

test("at shutdown one that pings is asked to log out, with a time; iPXE hears nothing", async () => {
  const harness = new Harness();
  const silent = await harness.login();
  expect(silent.connection.askToLogOut(3)).toBe(false);
  expect(await silent.receive()).toEqual([]);
  silent.send(nopOut(1));
  await silent.receive();
  expect(silent.connection.askToLogOut(3)).toBe(true);
  const [message] = await silent.receive();
  expect(message).toMatchObject({ opcode: 0x32, itt: NO_TAG });
  expect([...(message?.header.subarray(36, 44) ?? [])]).toEqual([1, 0, 0, 0, 0, 0, 0, 3]);
});
