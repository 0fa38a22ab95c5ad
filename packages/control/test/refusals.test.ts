import type { IngotEvent, Machine } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RefusedLogin } from "../src/index.ts";
import { MAX_REFUSAL_EVENTS } from "../src/limits.ts";
import { REFUSAL_EVENT_MS } from "../src/login-refusals.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

let harness: Harness;
let api: ApiClient;
let machine: Machine;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await api.send("POST", "/machines", { name: "pc-1", macs: ["525400000001"], plan: "diskless" });
  machine = await api.machine("pc-1");
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const initiator = "iqn.2010-04.org.ipxe:pc-1";

function refuse(facts: Partial<RefusedLogin> = {}): void {
  const target = `iqn.2026-11.org.ingot:${machine.id}`;
  const login = { initiator, target, peer: "10.0.0.50", portal: "10.0.0.1:3260", status: "authenticationFailure" };
  harness.control.refusals.record({ ...login, ...facts });
}

async function told(): Promise<IngotEvent[]> {
  await harness.control.idle();
  return api.events("disk.refused");
}

test("a refused login is an event of the machine whose disk was asked for", async () => {
  refuse();
  const [event] = await told();
  expect(event).toMatchObject({
    kind: "disk.refused",
    machine: machine.id,
    message: `login of ${initiator} at 10.0.0.50 refused: its CHAP name or secret is wrong or missing`,
    data: { initiator, peer: "10.0.0.50", portal: "10.0.0.1:3260", status: "authenticationFailure", count: 1 },
  });
  expect((await api.machine("pc-1")).lastEvent?.kind).toBe("disk.refused");
});

test("one that tries every five seconds is told of once a minute, with a count; another reason at once", async () => {
  for (let second = 0; second <= 120; second += 5) {
    refuse();
    harness.clock.advance(5000);
  }
  refuse({ status: "notFound" });
  const events = await told();
  expect(events.map(({ data }) => [data?.["status"], data?.["count"]])).toEqual([
    ["authenticationFailure", 1],
    ["authenticationFailure", 12],
    ["authenticationFailure", 12],
    ["notFound", 1],
  ]);
  expect(events[1]?.message).toContain("(12 times since the last entry)");
  expect(Object.fromEntries(harness.control.refusals.counts)).toEqual({ authenticationFailure: 25, notFound: 1 });
});

test("the control plane's own reason is said where it was the one who refused", async () => {
  await harness.control.images.add("debian", imageOf(1));
  await api.send("PATCH", "/machines/pc-1", { image: "debian" });
  await scriptFor(harness.boot, "mac=525400000001&platform=pcbios");
  const target = `iqn.2026-11.org.ingot:${machine.id}:boot9`;
  const login = { target, initiator, peer: "10.0.0.50:1024", drop: () => Promise.resolve() };
  await expect(harness.control.disks.login(login)).rejects.toMatchObject({ code: "unknownBoot" });
  refuse({ target, status: "notFound" });
  refuse({ target, status: "serviceUnavailable" });
  expect((await told()).map(({ message }) => message)).toEqual([
    `login of ${initiator} at 10.0.0.50 refused: target ${target}: no script has named this boot of pc-1`,
    `login of ${initiator} at 10.0.0.50 refused: the disk is not available just now`,
  ]);
});

test("an unknown target is told with its name, and belongs to the machine that has the address", async () => {
  const target = "iqn.2001-04.com.example:disk";
  refuse({ target, status: "notFound" });
  await scriptFor(harness.boot, "mac=525400000001&platform=pcbios", "10.0.0.77");
  refuse({ initiator: "iqn.2010-04.org.ipxe:other", target, status: "notFound", peer: "10.0.0.77:40001" });
  const events = await told();
  expect(events.map((event) => event.machine)).toEqual([undefined, machine.id]);
  expect(events[0]?.message).toBe(`login of ${initiator} at 10.0.0.50 to ${target} refused: there is no such target`);
});

test("what was not even readable is told with its address", async () => {
  refuse({ initiator: undefined, target: undefined, status: "initiatorError" });
  expect((await told())[0]?.message).toBe(
    "login of an initiator without a name at 10.0.0.50 refused: its login is not as iSCSI wants it",
  );
});

test("control characters of a stranger reach no terminal", async () => {
  refuse({ initiator: "iqn.x\u001B[2J\u202Ey\n", target: undefined });
  expect((await told())[0]?.message).toContain("login of iqn.x?[2J?y? at");
});

test("a flood of made-up names makes a bounded number of events, and the rest is counted", async () => {
  for (let index = 0; index < 1000; index += 1) refuse({ initiator: `iqn.x:${index}` });
  expect(await told()).toHaveLength(MAX_REFUSAL_EVENTS);
  harness.clock.advance(REFUSAL_EVENT_MS);
  refuse({ initiator: "iqn.x:later" });
  const events = await told();
  expect(events.at(-1)?.data?.["others"]).toBe(1000 - MAX_REFUSAL_EVENTS);
  expect(harness.control.refusals.counts.get("authenticationFailure")).toBe(1001);
});

test("a redirect is no refusal", async () => {
  refuse({ status: "targetMovedTemporarily" });
  expect(await told()).toEqual([]);
});
