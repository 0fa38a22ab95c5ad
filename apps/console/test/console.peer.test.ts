import type { Machine } from "@ingot/api";
import { describe, expect, test } from "vitest";
import { makeDemoFleet, makeDisk, makeFleet, makeLargeFleet, makeMachine } from "./fake-fleet.ts";
import { makeSession } from "./fake-sessions.ts";
import { useConsole, withoutBrowser } from "./use-console.ts";

const MiB = 2 ** 20;

describe.skipIf(withoutBrowser)("the console in Chromium", () => {
  const openConsole = useConsole();

  test("an empty server says what to do next, with commands to copy", async () => {
    const { page, faults, screenshot } = await openConsole(makeFleet(Date.now()));
    await page.getByText("No machines yet").waitFor();
    expect(await page.getByText("ingot machine add --mac").count()).toBe(1);
    await screenshot("empty");
    expect(faults).toEqual([]);
  });

  test("a boot moves along its timeline while it happens", async () => {
    const started = Date.now();
    const { page, ingot, faults, screenshot } = await openConsole(makeFleet(started));
    await page.getByText("No machines yet").waitFor();

    const status = (station: string): Promise<string | null> =>
      page.locator(`[data-machine="m1"] [data-station="${station}"]`).getAttribute("data-status");
    const at = (afterMs: number): string => new Date(started + afterMs).toISOString();
    const machine: Machine = makeMachine(started, { id: "m1", name: "pc-01", firmware: "bios", state: "booting" });
    const boot = {
      bootId: 1,
      startedAt: at(0),
      stages: [{ stage: "dhcp" as const, at: at(0) }],
      bytesRead: 0,
      bytesWritten: 0,
    };
    ingot.emit({ type: "machine", machine: { ...machine, boot } });
    await page.locator('[data-machine="m1"] [data-station="dhcp"][data-status="active"]').waitFor();
    expect(await status("program")).toBe("ahead");

    const stages = [...boot.stages, { stage: "tftp" as const, at: at(300) }, { stage: "script" as const, at: at(700) }];
    ingot.emit({ type: "machine", machine: { ...machine, boot: { ...boot, stages } } });
    await page.locator('[data-machine="m1"] [data-station="script"][data-status="active"]').waitFor();
    expect(await status("dhcp")).toBe("passed");
    expect(await page.locator('[data-machine="m1"] .track-time').first().textContent()).toBe("0.30 s");

    const reading = [...stages, { stage: "iscsi" as const, at: at(800) }, { stage: "read" as const, at: at(900) }];
    const traffic = { sessions: 1, readBytesPerSecond: 9 * MiB, writtenBytesPerSecond: 0 };
    ingot.emit({
      type: "machine",
      machine: { ...machine, traffic, boot: { ...boot, stages: reading, bytesRead: 64 * MiB } },
    });
    await page.locator('[data-machine="m1"]').getByText("64.0 MiB read").waitFor();
    await page.locator('[data-machine="m1"]').getByText("9.00 MiB/s").waitFor();

    const all = [...reading, { stage: "os" as const, at: at(1200) }, { stage: "up" as const, at: at(1900) }];
    ingot.emit({ type: "machine", machine: { ...machine, state: "up", boot: { ...boot, stages: all } } });
    await page.locator('[data-machine="m1"][data-state="up"]').waitFor();
    expect(await status("up")).toBe("passed");
    await page.locator('[data-machine="m1"]').getByText("Boot 1: reached Up in 1.9 s").waitFor({ state: "attached" });
    await screenshot("boot");
    expect(faults).toEqual([]);
  });

  test("a failed boot shows where and why", async () => {
    const { page, faults, screenshot } = await openConsole(makeDemoFleet(Date.now()));
    const row = page.locator('[data-machine="m3"]');
    await row.getByText("no iSCSI login within 60 s of the script", { exact: true }).first().waitFor();
    expect(await row.locator('[data-station="script"]').getAttribute("data-status")).toBe("failed");
    await screenshot("demo");
    expect(faults).toEqual([]);
  });

  test("a reset names what is lost, asks, and then sends exactly that request", async () => {
    const { page, ingot, faults, screenshot } = await openConsole(makeDemoFleet(Date.now()), { route: "/machines/m1" });
    await page.getByRole("button", { name: "Reset the disk of demo-bios" }).click();
    await page
      .getByText("Everything that demo-bios wrote since its disk was made, 220 MiB, is gone for good")
      .waitFor();
    await screenshot("reset");
    expect(ingot.seen).toEqual([]);
    await page.getByRole("button", { name: "Throw 220 MiB away" }).click();
    await page.getByText("is gone for good").waitFor({ state: "hidden" });
    expect(ingot.seen).toEqual([{ method: "POST", path: "/disks/m1/reset", body: undefined }]);
    expect(await page.getByRole("button", { name: "Reset the disk of demo-bios" }).isDisabled()).toBe(true);
    expect(faults).toEqual([]);
  });

  test("a changed setting is sent alone, and shown as the machine's own", async () => {
    const { page, ingot, faults } = await openConsole(makeDemoFleet(Date.now()), { route: "/machines/m2" });
    await page.getByRole("combobox", { name: "Changes to the disk" }).click();
    await page.getByRole("option", { name: "Persistent", exact: true }).click();
    await page.getByRole("button", { name: "Save for the next boot" }).click();
    await page.getByText("set on this machine").waitFor();
    expect(ingot.seen).toEqual([{ method: "PATCH", path: "/machines/m2", body: { mode: "persistent" } }]);
    expect(faults).toEqual([]);
  });

  test("a machine is removed after asking, and leaves the board", async () => {
    const { page, ingot } = await openConsole(makeDemoFleet(Date.now()), { route: "/machines/m3" });
    await page.getByRole("button", { name: "Remove machine …" }).click();
    await page.getByRole("button", { name: "Remove machine", exact: true }).click();
    await page.locator('[data-machine="m3"]').waitFor({ state: "detached" });
    expect(ingot.seen).toEqual([{ method: "DELETE", path: "/machines/m3", body: undefined }]);
  });

  test("an image in use is not removed, and the console says by whom it is used", async () => {
    const { page, ingot, screenshot } = await openConsole(makeDemoFleet(Date.now()), { route: "/images" });
    const message = "image debian13:3 is used by 3 machines; give them another image first";
    ingot.refuse("DELETE /images/debian13:3", "inUse", message, { usedBy: ["demo-bios", "demo-uefi"] });
    await page.getByRole("button", { name: "Remove debian13:3" }).click();
    await page.getByRole("button", { name: "Remove version" }).click();
    await page.getByText(message).waitFor();
    await page.getByText("Used by demo-bios, demo-uefi").waitFor();
    expect(await page.getByText("inUse", { exact: true }).count()).toBe(1);
    await screenshot("image-in-use");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Verify debian13:2" }).click();
    await page.getByText("Every one of 6,185 chunks is what it was").waitFor();
  });

  test("5,000 machines scroll, search and filter, and only the rows on the screen exist", async () => {
    const { page, ingot, faults, screenshot } = await openConsole(makeLargeFleet(Date.now(), 5000), {
      width: 1920,
      height: 1080,
    });
    await page.locator("[data-machine]").first().waitFor();
    expect(await page.locator("[data-machine]").count()).toBeLessThan(60);
    await screenshot("large");

    await page.locator(".board-scroller").evaluate((scroller) => scroller.scrollTo({ top: scroller.scrollHeight }));
    await page.getByText("room-299-pc-25", { exact: true }).waitFor();
    await page.locator("[data-row-link]").last().focus();
    await page.keyboard.press("Home");
    await page.getByText("room-100-pc-1", { exact: true }).waitFor();
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("room-100-pc-2");

    const failed = [...ingot.fleet.machines.values()].filter(({ state }) => state === "failed").length;
    await page.getByRole("button", { name: `${failed} Failed` }).click();
    await page.getByText(`${failed} of 5,000`).waitFor();
    expect(await page.locator('[data-machine]:not([data-state="failed"])').count()).toBe(0);
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByRole("searchbox", { name: "Search machines" }).fill("room-250 pc-7");
    await page.getByText("1 of 5,000").waitFor();
    expect(new URL(page.url()).hash).toContain("q=room-250+pc-7");
    expect(faults).toEqual([]);
  });

  test("the wall shows the whole fleet at one glance, and a field opens its machine", async () => {
    const { page, faults, screenshot } = await openConsole(makeLargeFleet(Date.now(), 5000), {
      route: "/machines?view=wall",
      width: 1920,
      height: 1080,
    });
    const wall = page.getByLabel("5,000 machines in 200 groups");
    await wall.waitFor();
    await screenshot("wall");
    await wall.hover({ position: { x: 4, y: 20 } });
    await page.locator(".wall-foot").getByText("room-100-pc-1", { exact: true }).waitFor();
    await wall.click({ position: { x: 4, y: 20 } });
    await page.getByRole("dialog").getByText("room-100-pc-1", { exact: true }).waitFor();
    expect(faults).toEqual([]);
  });

  test("a boot storm of 5,000 machines arrives on the board", async () => {
    const started = Date.now();
    const { page, ingot, faults } = await openConsole(makeLargeFleet(started, 5000));
    await page.locator("[data-machine]").first().waitFor();
    const frames = page.evaluate(
      () =>
        new Promise<number>((resolve) => {
          let longest = 0;
          let last = performance.now();
          const end = last + 3000;
          const frame = (now: number): void => {
            longest = Math.max(longest, now - last);
            last = now;
            if (now < end) requestAnimationFrame(frame);
            else resolve(longest);
          };
          requestAnimationFrame(frame);
        }),
    );
    const boot = { bootId: 9, startedAt: new Date(started).toISOString(), bytesRead: 0, bytesWritten: 0 };
    for (const machine of ingot.fleet.machines.values()) {
      const stages = [{ stage: "dhcp" as const, at: boot.startedAt }];
      ingot.emit({ type: "machine", machine: { ...machine, state: "booting", boot: { ...boot, stages } } });
    }
    await page.getByRole("button", { name: "5,000 Booting" }).waitFor();
    process.stderr.write(`console: longest frame while 5,000 machines changed state: ${Math.round(await frames)} ms\n`);
    expect(faults).toEqual([]);
  });

  test("sessions show who reads and writes how much, and move while it happens", async () => {
    const now = Date.now();
    const { page, ingot, faults, screenshot } = await openConsole(makeDemoFleet(now), { route: "/sessions" });
    const row = page.locator('[data-session="s-m2"]');
    await row.getByText("9.40 MiB/s").waitFor();
    await row.getByText("debian13:3").waitFor();
    expect(await page.locator("[data-session]").count()).toBe(2);
    const session = ingot.fleet.sessions.get("s-m2");
    if (session === undefined) throw new Error("the demo has a session of m2");
    const read = { ...session.read, bytesPerSecond: 61 * MiB, commandsPerSecond: 2440, p50Us: 210, p99Us: 1_400_000 };
    const fresh = makeSession(now, { id: "s-new", target: undefined, peer: "10.77.0.200" });
    ingot.emit({ type: "sessions", sessions: [{ ...session, read, failedCommands: 7 }, fresh], ended: ["s-m1"] });
    await row.getByText("61.0 MiB/s").waitFor();
    await row.getByText("1.4 s").waitFor();
    expect(await row.locator(".session-failed").textContent()).toBe("7 failed");
    await page.locator('[data-session="s-new"]').getByText("Discovery").waitFor();
    expect(await page.locator('[data-session="s-m1"]').count()).toBe(0);
    await page.locator(".session-totals").getByText("demo-uefi").waitFor();
    await page.locator(".session-totals").getByText("in 1 session").waitFor();

    await page.getByText("in the last 10 minutes").waitFor();
    ingot.emit({
      type: "event",
      event: {
        id: 90,
        at: new Date(now).toISOString(),
        kind: "disk.refused",
        machine: "m3",
        message: "login of iqn.2010-04.org.ipxe:m3 at 10.77.0.103 refused: its CHAP name or secret is wrong or missing",
        data: { initiator: "iqn.2010-04.org.ipxe:m3", status: "authenticationFailure", count: 1 },
      },
    });
    await page.getByText("see why in the log").waitFor();
    await screenshot("sessions-demo");
    await page.getByText("see why in the log").click();
    await page.locator('[data-kind="disk.refused"]').getByText("its CHAP name or secret is wrong").waitFor();
    expect(faults).toEqual([]);
  });

  test("5,000 sessions sort, filter and scroll, and only the rows on the screen exist", async () => {
    const { page, ingot, faults, screenshot } = await openConsole(makeLargeFleet(Date.now(), 7300), {
      route: "/sessions",
      width: 1920,
      height: 1080,
    });
    const { sessions } = ingot.fleet;
    expect(sessions.size).toBeGreaterThan(5000);
    await page.locator("[data-session]").first().waitFor();
    expect(await page.locator("[data-session]").count()).toBeLessThan(60);
    const all = [...sessions.values()];
    const top = all.reduce((best, each) => (each.read.bytesPerSecond > best.read.bytesPerSecond ? each : best));
    await page.locator(`[data-session="${top.id}"]`).waitFor();
    await screenshot("sessions-large");

    await page.getByRole("button", { name: "Failed" }).click();
    const failing = all.filter(({ failedCommands }) => failedCommands > 0);
    const worst = failing.reduce((best, each) => (each.failedCommands > best.failedCommands ? each : best));
    await page
      .locator(".session-failed", { hasText: String(worst.failedCommands) })
      .first()
      .waitFor();
    expect(new URL(page.url()).hash).toContain("sort=failed");
    await page.getByText("With failed commands").click();
    await page.getByText(`${failing.length} of ${sessions.size.toLocaleString("en-GB")} sessions`).waitFor();
    await page.getByText("All", { exact: true }).click();
    await page.getByRole("searchbox", { name: "Search sessions" }).fill(`${worst.machineName} ${worst.image?.name}`);
    await page.locator(`[data-session="${worst.id}"]`).waitFor();
    await page.getByRole("searchbox", { name: "Search sessions" }).fill("nobody");
    await page.getByText("No session fits the filter").waitFor();
    await page.getByRole("searchbox", { name: "Search sessions" }).fill("");

    await page.locator(".sessions-board").evaluate((scroller) => scroller.scrollTo({ top: scroller.scrollHeight }));
    await page.locator(`[aria-rowindex="${sessions.size + 1}"]`).waitFor();
    const started = performance.now();
    const changed = all.slice(0, 2000).map((each) => ({ ...each, failedCommands: 4711 }));
    ingot.emit({ type: "sessions", sessions: changed, ended: all.slice(2000).map(({ id }) => id) });
    await page.getByText("2,000 sessions", { exact: true }).waitFor();
    process.stderr.write(
      `console: 2,000 sessions shown ${Math.round(performance.now() - started)} ms after they changed\n`,
    );
    expect(faults).toEqual([]);
  });

  test("no sessions are explained, and so is a list that cannot be had", async () => {
    const { page, ingot, screenshot } = await openConsole(makeFleet(Date.now()), { route: "/machines" });
    await page.getByText("No machines yet").waitFor();
    ingot.refuse("GET /sessions", "busy", "too many requests at once; try again");
    await page.getByRole("link", { name: "Sessions" }).click();
    await page.getByText("too many requests at once").waitFor();
    await screenshot("sessions-failure");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("No sessions now").waitFor();
    await screenshot("sessions-empty");
  });

  test("a machine's drawer has its sessions, on a light screen too", async () => {
    const { page, ingot, faults, screenshot } = await openConsole(makeDemoFleet(Date.now()), {
      route: "/machines/m2",
      scheme: "light",
      height: 1300,
    });
    const section = page.getByRole("region", { name: "Sessions" });
    await section.getByText("9.40 MiB/s").waitFor();
    await screenshot("machine-sessions");
    ingot.emit({ type: "sessions", sessions: [], ended: ["s-m2"] });
    await section.waitFor({ state: "detached" });
    expect(faults).toEqual([]);
  });

  test("sessions fit on a telephone", async () => {
    const { page, faults, screenshot } = await openConsole(makeLargeFleet(Date.now(), 300), {
      route: "/sessions",
      width: 390,
      height: 844,
      scheme: "light",
    });
    await page.locator("[data-session]").first().waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await screenshot("narrow-sessions");
    expect(faults).toEqual([]);
  });

  test("a lost connection is said, and what was missed is there when it comes back", async () => {
    const { page, ingot, server, screenshot } = await openConsole(makeDemoFleet(Date.now()));
    await page.locator('[data-machine="m2"][data-state="booting"]').waitFor();
    await server.stop();
    await page.getByText("Connection lost").waitFor();
    await screenshot("lost");
    const machine = ingot.fleet.machines.get("m2");
    if (machine === undefined) throw new Error("the demo has a machine m2");
    ingot.fleet.machines.set("m2", { ...machine, state: "up" });
    await server.start();
    await page.getByText("Connection lost").waitFor({ state: "detached" });
    await page.locator('[data-machine="m2"][data-state="up"]').waitFor();
  });

  test("disks show how they grow, events can be filtered, on a narrow light screen too", async () => {
    const now = Date.now();
    const { page, ingot, faults, screenshot } = await openConsole(makeDemoFleet(now), {
      route: "/disks",
      width: 390,
      height: 844,
      scheme: "light",
    });
    await page.getByText("demo-bios").waitFor();
    const machine = ingot.fleet.machines.get("m2");
    if (machine === undefined) throw new Error("the demo has a machine m2");
    ingot.emit({ type: "disk", disk: makeDisk(now, machine, 777 * MiB) });
    await page.getByText("777 MiB").waitFor();
    await screenshot("narrow-disks");
    await page.getByRole("link", { name: "Events" }).click();
    await page.getByText("up after 48 s").waitFor();
    await page.getByRole("switch", { name: "Only faults" }).click();
    await page.getByText("1 event", { exact: true }).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await screenshot("narrow-events");
    expect(faults).toEqual([]);
  });
});
