import type { Disk, Machine } from "@ingot/api";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { LoggedIn, OpenDisk } from "../src/index.ts";
import { ApiClient, type Harness, imageOf, MemoryKeeper, MemoryLibrary, openHarness, scriptFor } from "./harness.ts";
import { openSqlite } from "../src/index.ts";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let harness: Harness;
let api: ApiClient;
let machine: Machine;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await harness.control.images.add("debian", imageOf(1));
  await api.send("POST", "/machines", { name: "pc-1", macs: ["525400000001"], plan: "diskless", image: "debian" });
  machine = await api.machine("pc-1");
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const firmware = "400000010000";
const system = "00023d010000";

async function login(
  target: string,
  isid: string = firmware,
  drop: () => Promise<void> = () => Promise.resolve(),
): Promise<LoggedIn<OpenDisk>> {
  return harness.control.disks.login({
    target,
    isid,
    initiator: "iqn.2010-04.org.ipxe:x",
    peer: "10.0.0.50:1024",
    drop,
  });
}

/** Asks for a script and takes the target out of it. */
async function boot(): Promise<string> {
  const text = await scriptFor(harness.boot, "mac=525400000001&platform=pcbios");
  const target = /iscsi:10\.0\.0\.1::3260:0:(\S+)/.exec(text)?.[1];
  if (target === undefined) throw new Error(text);
  return target;
}

const disk = async (): Promise<Disk> => (await api.get<Disk>("/disks/pc-1")).body;
const stages = async (): Promise<string[]> =>
  ((await api.machine("pc-1")).boot?.stages ?? []).map((entry) => entry.stage);

test("a disk can be used by any initiator before the machine ever booted", async () => {
  expect(await disk()).toEqual({
    machine: machine.id,
    machineName: "pc-1",
    portal: "10.0.0.1:3260",
    target: `iqn.2026-11.org.ingot:${machine.id}`,
    lun: 0,
    sizeBytes: 131_072,
    overlayBytes: 0,
    mode: "reset",
    image: { name: "debian", version: 1 },
    sessions: [],
    history: [],
  });
  const { session, device } = await login((await disk()).target, system);
  expect(device.sizeBytes).toBe(1024);
  expect((await api.machine("pc-1")).state).toBe("running");
  await session.close();
  await session.close();
  expect(harness.keeper.diary).toEqual(["open", "release"]);
});

test("a whole boot: script, firmware's session, operating system's session, report", async () => {
  const target = await boot();
  expect(target).toBe(`iqn.2026-11.org.ingot:${machine.id}:boot1`);
  const first = await login(target);
  first.session.countRead(4096);
  harness.clock.advance(1000);
  expect((await api.machine("pc-1")).traffic).toMatchObject({ sessions: 1, readBytesPerSecond: expect.any(Number) });
  const second = await login(target, system);
  expect(second.bootId).toBe(1);
  second.session.countWritten(512);
  await first.session.close();
  const report = await harness.boot.request("/boot/report?mac=52:54:00:00:00:01", {
    method: "POST",
    body: '{"detail":"Debian 12"}',
  });
  expect(await report.json()).toEqual({ machine: "pc-1", state: "up" });
  harness.clock.advance(1000);
  const after = await api.machine("pc-1");
  expect(after).toMatchObject({
    state: "up",
    firmware: "bios",
    boot: { bootId: 1, bytesRead: 4096, bytesWritten: 512 },
  });
  expect(await stages()).toEqual(["script", "iscsi", "read", "os", "up"]);
  expect((await disk()).sessions).toMatchObject([{ bytesWritten: 512, bytesRead: 0 }]);
});

test("in reset mode a new boot ends the old sessions, throws the changes away and takes the newest version", async () => {
  const dropped: string[] = [];
  const old = await login(await boot(), firmware, async () => {
    dropped.push("first");
    // As the real target does: the connection's end closes the session.
    await old.session.close();
  });
  harness.keeper.overlays.set(machine.id, {
    manifestId: harness.keeper.overlays.get(machine.id)?.manifestId ?? "",
    bytes: 777,
  });
  await harness.control.images.add("debian", imageOf(2));
  expect(await disk()).toMatchObject({ image: { version: 1 }, nextVersion: 2, overlayBytes: 777 });
  const next = await boot();
  expect(await disk()).toMatchObject({ image: { version: 1 }, overlayBytes: 777 });
  await login(next);
  expect(dropped).toEqual(["first"]);
  expect(harness.keeper.diary).toEqual(["open", "release", "discard", "open"]);
  expect(await disk()).toMatchObject({ image: { version: 2 }, overlayBytes: 0 });
  expect((await api.events("disk.reset")).map((event) => event.image)).toEqual(["debian:2"]);
});

test("a persistent disk stays on the version it was made from until it is reset", async () => {
  await api.send("PATCH", "/machines/pc-1", { mode: "persistent" });
  const first = await login(await boot());
  await harness.control.images.add("debian", imageOf(2));
  await first.session.close();
  const second = await login(await boot());
  expect(second.bootId).toBe(2);
  expect(await disk()).toMatchObject({ mode: "persistent", image: { version: 1 } });
  expect(harness.keeper.diary).not.toContain("discard");
  expect(await api.send("DELETE", "/images/debian:1")).toMatchObject({
    status: 409,
    body: { error: { details: { usedBy: ["disk of pc-1"] } } },
  });
  expect(await api.send("POST", "/disks/pc-1/reset")).toMatchObject({
    status: 409,
    body: { error: { code: "inUse" } },
  });
  expect(await api.send("POST", "/disks/pc-1/reset?force=true")).toMatchObject({
    status: 200,
    body: { image: { version: 2 }, sessions: [] },
  });
});

test("scripts that are fetched and not used change nothing; a machine that was left behind is refused", async () => {
  const first = await boot();
  await login(first);
  for (let count = 0; count < 5; count += 1) await boot();
  expect(harness.keeper.diary).toEqual(["open"]);
  await login(`iqn.2026-11.org.ingot:${machine.id}:boot4`);
  await expect(login(first)).rejects.toMatchObject({ code: "staleBoot" });
  await expect(login(`iqn.2026-11.org.ingot:${machine.id}:boot99`)).rejects.toMatchObject({ code: "unknownBoot" });
  await expect(login("iqn.2026-11.org.ingot:nobody")).rejects.toMatchObject({ code: "notFound" });
  await expect(login("iqn.2001-04.com.example:x")).rejects.toMatchObject({ code: "notFound" });
});

test("the first logins of one boot, all at once, start it once", async () => {
  await login(await boot());
  const target = await boot();
  await Promise.all(Array.from({ length: 8 }, () => login(target)));
  expect(harness.keeper.diary.filter((entry) => entry === "discard")).toHaveLength(1);
  expect((await disk()).sessions).toHaveLength(8);
});

test("a machine without an image is told so on its screen", async () => {
  await api.send("PATCH", "/machines/pc-1", { image: null });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("no image is set for pc-1");
  expect(await api.machine("pc-1")).toMatchObject({ state: "failed", boot: { failure: "no image is set for pc-1" } });
  expect(await api.get("/disks/pc-1")).toMatchObject({ status: 409, body: { error: { code: "noDisk" } } });
});

test("a menu choice boots that image once", async () => {
  await harness.control.images.add("rescue", imageOf(7));
  await api.send("PATCH", "/machines/pc-1", { plan: "menu" });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("menu Ingot: pc-1");
  const text = await scriptFor(harness.boot, "mac=525400000001&image=rescue");
  expect(text).toContain("boots rescue:1");
  await login(/iscsi:10\.0\.0\.1::3260:0:(\S+)/.exec(text)?.[1] ?? "");
  expect(await disk()).toMatchObject({ image: { name: "rescue", version: 1 }, nextVersion: 1 });
});

test("a machine that is not on the menu plan cannot choose", async () => {
  await harness.control.images.add("other", imageOf(7));
  expect(await scriptFor(harness.boot, "mac=525400000001&image=other")).toContain("boots debian:1");
});

test("a login that the database fails leaves no session behind and lets the disk go", async () => {
  const target = await boot();
  await sql`CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'broken'); END`.execute(harness.db);
  await expect(login(target)).rejects.toThrow("broken");
  expect((await disk()).sessions).toEqual([]);
  expect(harness.keeper.diary).toEqual(["open", "release"]);
  await sql`DROP TRIGGER broken`.execute(harness.db);
  const { session } = await login(target);
  await session.close();
  expect((await api.send("DELETE", "/disks/pc-1")).status).toBe(204);
});

test("a machine with a disk in use is not removed; without, its changes go with it", async () => {
  const { session } = await login(await boot());
  expect((await api.send("DELETE", "/machines/pc-1")).status).toBe(409);
  await session.close();
  expect((await api.send("DELETE", "/machines/pc-1")).status).toBe(204);
  expect(harness.keeper.overlays.size).toBe(0);
});

test("a boot that stalls fails, a machine that goes is off", async () => {
  await boot();
  harness.clock.advance(6 * 60_000);
  expect(await api.machine("pc-1")).toMatchObject({ state: "failed" });
  const { session } = await login(await boot());
  await login(`iqn.2026-11.org.ingot:${machine.id}:boot2`, system).then((second) => second.session.close());
  await session.close();
  harness.clock.advance(60_000);
  expect(await api.machine("pc-1")).toMatchObject({ state: "off" });
});

test("after a restart everything that was told is still there, and the machine's sessions come back to their boot", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ingot-control-"));
  const library = new MemoryLibrary();
  const keeper = new MemoryKeeper();
  try {
    const path = join(directory, "ingot.sqlite");
    const before = await openHarness({ db: openSqlite(path), library, keeper });
    await before.control.images.add("a", imageOf(1));
    await new ApiClient(before.api).send("POST", "/machines", {
      name: "pc-1",
      macs: ["525400000001"],
      plan: "diskless",
      image: "a",
    });
    await scriptFor(before.boot, "mac=525400000001");
    const { id } = await new ApiClient(before.api).machine("pc-1");
    const target = `iqn.2026-11.org.ingot:${id}:boot1`;
    const session = { target, isid: firmware, initiator: "i", peer: "p", drop: () => Promise.resolve() };
    await before.control.disks.login(session);
    // Killed: nothing is closed. Only what was committed is there for the next one.
    const after = await openHarness({ db: openSqlite(path), library, keeper });
    const again = await after.control.disks.login({ ...session, isid: system });
    expect(again.bootId).toBe(1);
    expect(keeper.diary).not.toContain("discard");
    await expect(
      after.control.disks.login({ ...session, target: `iqn.2026-11.org.ingot:${id}:boot2` }),
    ).rejects.toMatchObject({ code: "unknownBoot" });
    expect((await new ApiClient(after.api).machine("pc-1")).image).toEqual({ name: "a" });
    await after.control.close();
    await after.db.destroy();
    await before.db.destroy();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
