import type { BootStage, BootTimeline, MachineState } from "@ingot/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootTrack, currentStop, describeTrack, STATIONS, type Stop } from "./boot-track.ts";

const START = Date.parse("2026-11-22T08:00:00.000Z");

function boot(stages: readonly (readonly [BootStage, number])[], facts: Partial<BootTimeline> = {}): BootTimeline {
  return {
    bootId: 3,
    startedAt: new Date(START).toISOString(),
    stages: stages.map(([stage, afterMs]) => ({ stage, at: new Date(START + afterMs).toISOString() })),
    bytesRead: 0,
    bytesWritten: 0,
    ...facts,
  };
}

function track(
  state: MachineState,
  stages: readonly (readonly [BootStage, number])[],
  nowMs: number,
  facts: Partial<BootTimeline> = {},
) {
  const drawn = bootTrack({ state, boot: boot(stages, facts) }, START + nowMs);
  if (drawn === undefined) throw new Error("a boot has a track");
  return drawn;
}

function statuses(stops: readonly Stop[]): string {
  return stops.map((stop) => `${stop.station}:${stop.status}`).join(" ");
}

describe("bootTrack", () => {
  it("draws nothing for a machine that never booted", () => {
    expect(bootTrack({ state: "new" }, START)).toBeUndefined();
  });

  it("gives each station the time until the next one was reached", () => {
    const drawn = track(
      "up",
      [
        ["dhcp", 0],
        ["tftp", 900],
        ["script", 2300],
        ["iscsi", 2400],
        ["read", 2600],
        ["os", 24_000],
        ["up", 48_000],
      ],
      99_000,
    );
    expect(drawn.stops.map((stop) => stop.durationMs)).toEqual([900, 1400, 100, 200, 21_400, 24_000, undefined]);
    expect(drawn.outcome).toBe("settled");
    expect(drawn.totalMs).toBe(48_000);
    expect(drawn.stops.every((stop) => stop.fill === 1)).toBe(true);
  });

  it("fills the station where the boot is now, and none beyond it", () => {
    const drawn = track(
      "booting",
      [
        ["dhcp", 0],
        ["http", 500],
        ["script", 900],
      ],
      1400,
    );
    expect(statuses(drawn.stops)).toBe(
      "dhcp:passed program:passed script:active iscsi:ahead read:ahead os:ahead up:ahead",
    );
    expect(drawn.stops[1]?.stage).toBe("http");
    expect(drawn.stops[2]?.durationMs).toBe(500);
    expect(drawn.stops[2]?.fill).toBeGreaterThan(0);
    expect(drawn.stops[2]?.fill).toBeLessThan(1);
    expect(drawn.totalMs).toBe(1400);
  });

  it("says that a boot is stalled when nothing came for longer than is usual", () => {
    const drawn = track(
      "booting",
      [
        ["dhcp", 0],
        ["tftp", 500],
      ],
      500 + 30_001,
    );
    expect(currentStop(drawn)?.status).toBe("stalled");
  });

  it("marks a station that was passed without stopping", () => {
    const drawn = track(
      "booting",
      [
        ["dhcp", 0],
        ["script", 900],
      ],
      1000,
    );
    expect(statuses(drawn.stops)).toMatch(/^dhcp:passed program:skipped script:active/);
  });

  it("marks the station where a failed boot stood, with the time until it was given up", () => {
    const drawn = track(
      "failed",
      [
        ["dhcp", 0],
        ["tftp", 1000],
        ["script", 4000],
        ["failed", 64_000],
      ],
      999_000,
      { failure: "no login" },
    );
    expect(statuses(drawn.stops)).toMatch(/script:failed iscsi:ahead/);
    expect(drawn.stops[2]?.durationMs).toBe(60_000);
    expect(drawn.totalMs).toBe(64_000);
    expect(drawn.failure).toBe("no login");
  });

  it("does not let a machine that uses its disk hang at the station OS", () => {
    const drawn = track(
      "running",
      [
        ["dhcp", 0],
        ["script", 10],
        ["iscsi", 20],
        ["read", 30],
        ["os", 40],
      ],
      10_000_000,
    );
    expect(drawn.outcome).toBe("settled");
    expect(statuses(drawn.stops)).toMatch(/os:passed up:ahead$/);
  });

  it("survives stages in any order and clocks that disagree", () => {
    const stage = fc.constantFrom<BootStage>("dhcp", "tftp", "http", "script", "iscsi", "read", "os", "up", "failed");
    const state = fc.constantFrom<MachineState>("new", "off", "booting", "running", "up", "failed");
    fc.assert(
      fc.property(
        state,
        fc.array(fc.tuple(stage, fc.integer({ min: -5000, max: 500_000 }))),
        fc.integer({ min: -5000, max: 500_000 }),
        (is, stages, now) => {
          const drawn = track(is, stages, now);
          expect(drawn.stops.map((stop) => stop.station)).toEqual(STATIONS);
          expect(drawn.totalMs).toBeGreaterThanOrEqual(0);
          for (const stop of drawn.stops) {
            expect(stop.fill).toBeGreaterThanOrEqual(0);
            expect(stop.fill).toBeLessThanOrEqual(1);
            expect(stop.durationMs ?? 0).toBeGreaterThanOrEqual(0);
          }
          expect(
            drawn.stops.filter((stop) => ["active", "stalled", "failed"].includes(stop.status)).length,
          ).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});

describe("describeTrack", () => {
  const seconds = (ms: number): string => `${ms / 1000} s`;

  it("puts the picture into words", () => {
    expect(
      describeTrack(
        track(
          "booting",
          [
            ["dhcp", 0],
            ["tftp", 1000],
          ],
          3000,
        ),
        seconds,
      ),
    ).toBe("Boot 3: now at Boot file for 2 s, 3 s since power-on");
    expect(
      describeTrack(
        track(
          "failed",
          [
            ["dhcp", 0],
            ["failed", 1000],
          ],
          3000,
          { failure: "no answer" },
        ),
        seconds,
      ),
    ).toBe("Boot 3: failed at DHCP: no answer");
    expect(
      describeTrack(
        track(
          "up",
          [
            ["dhcp", 0],
            ["up", 9000],
          ],
          10_000,
        ),
        seconds,
      ),
    ).toBe("Boot 3: reached Up in 9 s");
    expect(
      describeTrack(
        track(
          "off",
          [
            ["dhcp", 0],
            ["up", 9000],
          ],
          10_000,
        ),
        seconds,
      ),
    ).toBe("Boot 3, over: reached Up in 9 s");
  });
});
