import { type Machine, machinePageSchema, machineSchema } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Insertable } from "kysely";
import type { Tables } from "../src/tables.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const script = (query: string, peerAddress?: string): Promise<string> => scriptFor(harness.boot, query, peerAddress);

test("a machine is added, found by id, name and any spelling of its MAC address, changed and removed", async () => {
  const { status, body } = await api.send("POST", "/machines", {
    macs: ["52-54-00-12-34-56"],
    comment: "by the window",
  });
  expect(status).toBe(201);
  const machine = machineSchema.parse(body);
  expect(machine).toMatchObject({
    name: "pc-525400123456",
    macs: ["52:54:00:12:34:56"],
    state: "off",
    plan: "local",
    planFrom: "default",
    mode: "reset",
  });
  for (const key of [
    machine.id,
    machine.name,
    "52:54:00:12:34:56",
    "525400123456",
    "5254.0012.3456",
    "52-54-00-12-34-56",
  ]) {
    expect((await api.machine(key)).id).toBe(machine.id);
  }
  const changed = await api.send<Machine>("PATCH", `/machines/${machine.id}`, {
    name: "pc-01",
    plan: "menu",
    comment: null,
  });
  expect(changed.body).toMatchObject({
    name: "pc-01",
    plan: "menu",
    planFrom: "machine",
    lastEvent: { kind: "machine.changed" },
  });
  expect(changed.body.comment).toBeUndefined();
  expect((await api.send("DELETE", "/machines/pc-01")).status).toBe(204);
  expect(await api.get("/machines/pc-01")).toMatchObject({ status: 404, body: { error: { code: "notFound" } } });
});

test("settings are inherited one by one: machine over group over server", async () => {
  await harness.control.images.add("debian", imageOf(1));
  await harness.control.images.add("win11", imageOf(2));
  await api.send("PUT", "/groups/room-1", { plan: "diskless", image: "debian:1" });
  await api.send("POST", "/machines", { name: "a", macs: ["525400000001"], group: "room-1" });
  expect(await api.machine("a")).toMatchObject({
    plan: "diskless",
    planFrom: "group",
    image: { name: "debian", version: 1 },
    imageFrom: "group",
    mode: "reset",
    modeFrom: "default",
  });
  await api.send("PATCH", "/machines/a", { image: "win11:latest" });
  expect(await api.machine("a")).toMatchObject({ image: { name: "win11" }, imageFrom: "machine", planFrom: "group" });
  await api.send("PATCH", "/settings", { mode: "persistent" });
  await api.send("PUT", "/groups/room-1", {});
  expect(await api.machine("a")).toMatchObject({ plan: "local", planFrom: "default", mode: "persistent" });
  expect(await api.send("DELETE", "/groups/room-1")).toMatchObject({
    status: 409,
    body: { error: { code: "inUse", details: { usedBy: ["machine a"] } } },
  });
});

test.each([
  ["a name that is taken", { name: "a", macs: ["525400000002"] }, 409, "conflict"],
  ["a MAC address that is taken", { macs: ["52:54:00:00:00:01"] }, 409, "conflict"],
  ["a group that is not there", { macs: ["525400000002"], group: "nowhere" }, 404, "notFound"],
  ["an image that is not there", { macs: ["525400000002"], image: "nothing:3" }, 404, "notFound"],
  ["an unknown key", { macs: ["525400000002"], colour: "red" }, 400, "invalidRequest"],
  ["a path for a name", { macs: ["525400000002"], name: "../a" }, 400, "invalidRequest"],
  ["no MAC address", { name: "b" }, 400, "invalidRequest"],
])("%s is refused, and nothing is half done", async (_what, body, status, code) => {
  await api.send("POST", "/machines", { name: "a", macs: ["525400000001"] });
  expect(await api.send("POST", "/machines", body)).toMatchObject({ status, body: { error: { code } } });
  expect((await api.machines()).total).toBe(1);
});

test("the CHAP secret is taken and never shown", async () => {
  const secret = "correct-horse-battery";
  await api.send("POST", "/machines", { name: "a", macs: ["525400000001"], chap: { user: "lab", secret } });
  const everything = await Promise.all(
    ["/machines/a", "/machines", "/events", "/status", "/disks"].map(async (path) =>
      harness.api.request(`/api/v1${path}`),
    ),
  );
  for (const response of everything) expect(await response.text()).not.toContain(secret);
  const { id, chap } = await api.machine("a");
  expect(chap).toEqual({ user: "lab" });
  expect(await harness.control.disks.credentialsOf(`iqn.2026-11.org.ingot:${id}`)).toEqual({
    machineId: id,
    chap: { user: "lab", secret },
  });
});

test("a machine registers itself when it first asks for its script", async () => {
  const text = await script(
    "mac=52-54-00-00-00-01&uuid=4c4c4544-0035-4810-8051-b4c04f4e3132&serial=PF3X&product=ThinkPad%20X1&manufacturer=LENOVO&platform=efi&arch=x86_64",
  );
  expect(text).toContain("boots from its local disk");
  expect(await api.machine("525400000001")).toMatchObject({
    name: "pc-525400000001",
    state: "new",
    firmware: "uefi-x64",
    serial: "PF3X",
    product: "ThinkPad X1",
    address: "10.0.0.50",
    lastEvent: { kind: "machine.registered" },
  });
});

test("asking a hundred times at once registers one machine", async () => {
  await Promise.all(Array.from({ length: 100 }, () => script("mac=525400000001&uuid=&serial=")));
  expect((await api.machines()).total).toBe(1);
  expect(await api.events("machine.registered")).toHaveLength(1);
});

test("with registration closed an unknown machine is told so, and is not kept", async () => {
  await api.send("PATCH", "/settings", { registration: "closed" });
  expect(await script("mac=525400000001")).toContain("registration is closed");
  await script("mac=525400000001");
  expect((await api.machines()).total).toBe(0);
  expect(await api.events("machine.refused")).toHaveLength(1);
});

test("two machines with one UUID stay two, and the operator hears of it once", async () => {
  const uuid = "11111111-2222-3333-8444-555555555555";
  await script(`mac=525400000001&uuid=${uuid}`);
  await script(`mac=525400000002&uuid=${uuid}`);
  await script(`mac=525400000002&uuid=${uuid}`);
  await script(`mac=525400000001&uuid=${uuid}`);
  expect((await api.machines()).total).toBe(2);
  expect(await api.events("machine.clash")).toHaveLength(2);
});

test("a known machine behind somebody else's dock keeps its identity", async () => {
  await script("mac=52540000000d&uuid=11111111-2222-3333-8444-555555555555&serial=S1");
  await script("mac=525400000002&uuid=22222222-2222-3333-8444-555555555555&serial=S2");
  await script("mac=52540000000d&uuid=22222222-2222-3333-8444-555555555555&serial=S2", "10.0.0.77");
  const { items } = await api.machines();
  expect(items.map((machine) => [machine.name, machine.address])).toEqual([
    ["pc-525400000002", "10.0.0.77"],
    ["pc-52540000000d", "10.0.0.50"],
  ]);
});

test("a replaced computer gets its old disk by one command, though it registered itself already", async () => {
  await api.send("POST", "/machines", { name: "till-7", macs: ["525400000001"] });
  await script("mac=525400000002");
  expect((await api.machines()).total).toBe(2);
  expect((await api.send("PATCH", "/machines/till-7", { macs: ["525400000002"] })).status).toBe(200);
  expect((await api.machines()).items.map((machine) => machine.name)).toEqual(["till-7"]);
  expect(await script("mac=525400000002")).toContain("till-7");
});

test("hostile facts are cut and cleaned before they are kept", async () => {
  await script(`mac=525400000001&product=${encodeURIComponent(`<script>\u0000\n${"x".repeat(5000)}`)}&serial=%00`);
  const { product, serial } = await api.machine("525400000001");
  expect(product).toBe(`<script>${"x".repeat(56)}`);
  expect(serial).toBeUndefined();
});

test("5,000 machines are listed page by page, each once", async () => {
  const row = (index: number): Insertable<Tables["machines"]> => ({
    id: `m${index}`,
    name: `pc-${index.toString(16).padStart(4, "0")}`,
    firmware: "bios",
    quirks: "{}",
    untouched: 1,
    created_at: "2026-11-22T08:00:00.000Z",
    state: "new",
    allocated_boot: 0,
    current_boot: 0,
  });
  for (let start = 0; start < 5000; start += 500) {
    const rows = Array.from({ length: 500 }, (_value, index) => row(start + index));
    await harness.db.insertInto("machines").values(rows).execute();
  }
  const names: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const page = machinePageSchema.parse(
      (await api.get(`/machines?limit=1000${cursor === "" ? "" : `&cursor=${cursor}`}`)).body,
    );
    expect(page.total).toBe(5000);
    names.push(...page.items.map((machine) => machine.name));
    cursor = page.nextCursor;
  }
  expect(names).toHaveLength(5000);
  expect(new Set(names).size).toBe(5000);
  expect(names).toEqual(names.toSorted());
});
