import { expect, test } from "vitest";
import { Contacts } from "./contacts.ts";
import { MAX_DIAL_FAILURES } from "./limits.ts";

const A = { fingerprint: "a", isRemote: false, addresses: [1, 2].map((port) => ({ host: "10.0.0.1", port })) };
const B = { fingerprint: "b", isRemote: true, addresses: [{ host: "10.0.0.2", port: 1 }] };
const anybody = (): boolean => true;

function contacts(): Contacts {
  return new Contacts(() => 0.5);
}

test("who is introduced is dialled at once, and once at a time", () => {
  const list = contacts();
  list.introduce(A, 1000);
  list.introduce(B, 1000);
  expect(list.due(1000, 1, anybody).map(({ contact }) => contact)).toEqual([A]);
  expect(list.due(1000, 9, anybody).map(({ contact }) => contact)).toEqual([B]);
  expect(list.due(9999, 9, anybody)).toEqual([]);
  expect([list.dialling, list.isDialling("a")]).toEqual([2, true]);
});

test("who cannot be reached is dialled again at the next address, less and less often, and forgotten in the end", () => {
  const list = contacts();
  list.introduce(A, 0);
  const times: number[] = [];
  const ports: number[] = [];
  for (let now = 0; now < 1e6; now += 50) {
    const [call] = list.due(now, 1, anybody);
    if (call === undefined) continue;
    times.push(now);
    ports.push(call.address.port);
    list.ended("a", false, now);
  }
  expect(times.slice(0, 4)).toEqual([0, 500, 1500, 3500]);
  expect(ports.slice(0, 4)).toEqual([1, 2, 1, 2]);
  expect(times).toHaveLength(MAX_DIAL_FAILURES + 1);
  list.introduce(A, 2e6);
  expect(list.due(2e6, 1, anybody)).toHaveLength(1);
});

test("who was connected and is lost is dialled again soon; who has gone is not", () => {
  const list = contacts();
  list.introduce(A, 0);
  list.due(0, 1, anybody);
  list.ended("a", true, 0);
  list.retry("a", 1000);
  expect(list.due(1400, 1, anybody)).toEqual([]);
  expect(list.due(1500, 1, anybody)).toHaveLength(1);
  list.forget("a");
  expect([list.dialling, list.due(9999, 1, anybody)]).toEqual([0, []]);
});

test("who is not wanted now is left for later", () => {
  const list = contacts();
  list.introduce(A, 0);
  expect(list.due(0, 1, () => false)).toEqual([]);
  expect(list.due(0, 1, anybody)).toHaveLength(1);
});
