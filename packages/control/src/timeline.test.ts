import type { BootStage } from "@ingot/api";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type BootFact,
  type BootState,
  initialBootState,
  OFF_AFTER_MS,
  reduceBoot,
  STALL_AFTER_MS,
} from "./timeline.ts";

const firmware = "iqn.2010-04.org.ipxe:x/40000001";
const system = "iqn.2010-04.org.ipxe:x/00023d00";

function login(bootId: number, program: string, sessions: number, starts = false): BootFact {
  return { kind: "login", bootId, program, sessions, starts, initiator: "iqn.2010-04.org.ipxe:x" };
}

/** Runs facts one second apart. */
function run(
  facts: readonly BootFact[],
  before: BootState = initialBootState("new", 0),
): { state: BootState; kinds: string[] } {
  const kinds: string[] = [];
  let state = before;
  let nowMs = before.lastActivityMs;
  for (const fact of facts) {
    nowMs += 1000;
    const step = reduceBoot(state, fact, nowMs);
    state = step.state;
    if (step.event !== undefined) kinds.push(step.event.kind);
  }
  return { state, kinds };
}

function stagesOf(state: BootState): BootStage[] {
  return (state.timeline?.stages ?? []).map((entry) => entry.stage);
}

const diskless: readonly BootFact[] = [
  { kind: "dhcp", detail: "bios" },
  { kind: "file", protocol: "tftp", name: "undionly.kpxe" },
  { kind: "dhcp", detail: "iPXE" },
  { kind: "script", bootId: 1, plan: "diskless" },
  login(1, firmware, 1, true),
  { kind: "transfer", bootId: 1, bytesRead: 512, bytesWritten: 0 },
  { kind: "transfer", bootId: 1, bytesRead: 4096, bytesWritten: 0 },
  login(1, system, 2),
  { kind: "logout", sessions: 1 },
  { kind: "transfer", bootId: 1, bytesRead: 1000, bytesWritten: 77 },
  { kind: "report", state: "up", detail: "Debian 12" },
];

test("a whole diskless boot", () => {
  const { state, kinds } = run(diskless);
  expect(state.state).toBe("up");
  expect(state.timeline).toEqual({
    bootId: 1,
    startedAt: "1970-01-01T00:00:01.000Z",
    bytesRead: 5608,
    bytesWritten: 77,
    stages: [
      { stage: "dhcp", at: "1970-01-01T00:00:01.000Z", detail: "bios" },
      { stage: "tftp", at: "1970-01-01T00:00:02.000Z", detail: "undionly.kpxe" },
      { stage: "script", at: "1970-01-01T00:00:04.000Z", detail: "boots from its disk here" },
      { stage: "iscsi", at: "1970-01-01T00:00:05.000Z", detail: "iqn.2010-04.org.ipxe:x" },
      { stage: "read", at: "1970-01-01T00:00:06.000Z" },
      { stage: "os", at: "1970-01-01T00:00:08.000Z", detail: "iqn.2010-04.org.ipxe:x" },
      { stage: "up", at: "1970-01-01T00:00:11.000Z", detail: "Debian 12" },
    ],
  });
  expect(kinds).toEqual(["machine.booting", "machine.running", "machine.up"]);
});

test("powering on again begins the next boot", () => {
  const { state } = run([{ kind: "dhcp", detail: "bios" }], run(diskless).state);
  expect(state.timeline?.bootId).toBe(2);
  expect(stagesOf(state)).toEqual(["dhcp"]);
  expect(state.state).toBe("booting");
});

test("a script that is fetched twice is one boot, with the later number", () => {
  const { state, kinds } = run([
    { kind: "script", bootId: 4, plan: "diskless" },
    { kind: "script", bootId: 5, plan: "diskless" },
    login(5, firmware, 1, true),
  ]);
  expect(state.timeline?.bootId).toBe(5);
  expect(stagesOf(state)).toEqual(["script", "iscsi"]);
  expect(kinds).toEqual(["machine.booting"]);
});

test("iPXE that logs in again is not the operating system", () => {
  const { state } = run([
    { kind: "script", bootId: 1, plan: "diskless" },
    login(1, firmware, 1, true),
    login(1, firmware, 2),
  ]);
  expect(stagesOf(state)).toEqual(["script", "iscsi"]);
});

test("an initiator that nobody booted is in use, and off when it leaves", () => {
  const { state } = run([login(0, system, 1), { kind: "logout", sessions: 0 }]);
  expect(state.state).toBe("running");
  const step = reduceBoot(state, { kind: "tick" }, state.lastActivityMs + OFF_AFTER_MS);
  expect(step.state.state).toBe("off");
  expect(step.event?.kind).toBe("machine.off");
});

test("bytes of an older boot's session do not count for the new one", () => {
  const { state } = run([
    { kind: "script", bootId: 2, plan: "diskless" },
    { kind: "transfer", bootId: 1, bytesRead: 512, bytesWritten: 0 },
  ]);
  expect(state.timeline?.bytesRead).toBe(0);
});

test("a boot that stalls has failed, and says after what", () => {
  const { state } = run(diskless.slice(0, 6));
  const step = reduceBoot(state, { kind: "tick" }, state.lastActivityMs + STALL_AFTER_MS);
  expect(step.state.state).toBe("failed");
  expect(step.state.timeline?.failure).toContain("after 'read'");
  expect(step.event?.kind).toBe("machine.failed");
});

test("a failure is withdrawn when the boot comes further after all", () => {
  const { state } = run([...diskless.slice(0, 6), { kind: "failure", reason: "too early" }, login(1, system, 2)]);
  expect(state.state).toBe("running");
  expect(state.timeline?.failure).toBeUndefined();
  expect(stagesOf(state)).toEqual(["dhcp", "tftp", "script", "iscsi", "read", "os"]);
});

test("a new machine that is sent to its own disk stays new", () => {
  expect(run([{ kind: "script", bootId: 1, plan: "local" }]).state.state).toBe("new");
  expect(run([{ kind: "script", bootId: 1, plan: "local" }], initialBootState("off", 0)).state.state).toBe("running");
});

const anyFact: fc.Arbitrary<BootFact> = fc.oneof(
  fc.constant<BootFact>({ kind: "dhcp", detail: "x" }),
  fc.constantFrom<BootFact>(
    { kind: "file", protocol: "tftp", name: "a" },
    { kind: "file", protocol: "http", name: "b" },
  ),
  fc.record({
    kind: fc.constant("script" as const),
    bootId: fc.integer({ min: 1, max: 9 }),
    plan: fc.constantFrom("diskless" as const, "local" as const, "menu" as const),
  }),
  fc
    .tuple(
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom(firmware, system),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
    )
    .map(([bootId, program, sessions, starts]) => login(bootId, program, sessions, starts)),
  fc.record({ kind: fc.constant("logout" as const), sessions: fc.integer({ min: 0, max: 2 }) }),
  fc.record({
    kind: fc.constant("transfer" as const),
    bootId: fc.integer({ min: 0, max: 9 }),
    bytesRead: fc.nat(1000),
    bytesWritten: fc.nat(1000),
  }),
  fc.constantFrom<BootFact>(
    { kind: "report", state: "up", detail: undefined },
    { kind: "report", state: "failed", detail: "no" },
    { kind: "failure", reason: "r" },
    { kind: "tick" },
  ),
);

test("whatever comes, in whatever order, the timeline stays a timeline", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyFact, fc.integer({ min: 0, max: 400_000 })), { maxLength: 40 }), (story) => {
      let state = initialBootState("new", 0);
      let nowMs = 0;
      for (const [fact, waitMs] of story) {
        nowMs += waitMs;
        const before = state;
        state = reduceBoot(before, fact, nowMs).state;
        const { timeline } = state;
        if (timeline === undefined) continue;
        const stages = stagesOf(state);
        expect(new Set(stages).size).toBe(stages.length);
        expect(stages.includes("failed")).toBe(timeline.failure !== undefined);
        expect(state.state === "failed").toBe(timeline.failure !== undefined);
        const times = timeline.stages.map((entry) => Date.parse(entry.at));
        expect(times).toEqual(times.toSorted((x, y) => x - y));
        expect(timeline.bootId).toBeGreaterThanOrEqual(before.timeline?.bootId ?? 0);
        if (before.timeline?.bootId === timeline.bootId && before.timeline.startedAt === timeline.startedAt) {
          expect(timeline.bytesRead).toBeGreaterThanOrEqual(before.timeline.bytesRead);
        }
      }
    }),
    { numRuns: 500 },
  );
});
