import fc from "fast-check";
import { expect, test } from "vitest";
import { decideLogin, type LoginDecision, type LoginFacts } from "./boot-generation.ts";
import { formatBootTarget, parseBootTarget } from "./boot-target.ts";

const base: LoginFacts = {
  requestedBoot: undefined,
  allocatedBoot: 3,
  currentBoot: 2,
  mode: "reset",
  boundVersion: "a:1",
  wantedVersion: "a:2",
};

test.each<[string, Partial<LoginFacts>, LoginDecision]>([
  ["the bare name joins the current boot", {}, { action: "join", bootId: 2, overlay: "keep" }],
  [
    "the bare name makes the disk where there is none",
    { boundVersion: undefined },
    { action: "join", bootId: 2, overlay: "create" },
  ],
  ["the current boot's name joins", { requestedBoot: 2 }, { action: "join", bootId: 2, overlay: "keep" }],
  ["a new boot in reset mode resets", { requestedBoot: 3 }, { action: "start", bootId: 3, overlay: "reset" }],
  [
    "a new boot in persistent mode keeps, also when there is a newer version",
    { requestedBoot: 3, mode: "persistent" },
    { action: "start", bootId: 3, overlay: "keep" },
  ],
  [
    "the first boot creates",
    { requestedBoot: 3, boundVersion: undefined, mode: "persistent" },
    { action: "start", bootId: 3, overlay: "create" },
  ],
  ["an older boot is refused", { requestedBoot: 1 }, { action: "refuse", reason: "staleBoot" }],
  ["a boot that no script named is refused", { requestedBoot: 4 }, { action: "refuse", reason: "unknownBoot" }],
  [
    "without image and overlay there is no disk",
    { boundVersion: undefined, wantedVersion: undefined },
    { action: "refuse", reason: "noDisk" },
  ],
  [
    "an image that was taken away does not take the overlay with it",
    { requestedBoot: 3, wantedVersion: undefined },
    { action: "start", bootId: 3, overlay: "keep" },
  ],
  [
    "boots may be skipped: scripts that were fetched and not used",
    { requestedBoot: 9, allocatedBoot: 12 },
    { action: "start", bootId: 9, overlay: "reset" },
  ],
])("%s", (_what, facts, decision) => {
  expect(decideLogin({ ...base, ...facts })).toEqual(decision);
});

const facts = fc.record({
  requestedBoot: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  allocatedBoot: fc.integer({ min: 0, max: 6 }),
  currentBoot: fc.integer({ min: 0, max: 6 }),
  mode: fc.constantFrom("reset" as const, "persistent" as const),
  boundVersion: fc.option(fc.constant("a:1"), { nil: undefined }),
  wantedVersion: fc.option(fc.constant("a:2"), { nil: undefined }),
});

test("nothing is thrown away unless a new boot begins in reset mode, and no boot goes back", () => {
  fc.assert(
    fc.property(facts, (login) => {
      const decision = decideLogin(login);
      if (decision.action === "refuse") return;
      expect(decision.bootId).toBeGreaterThanOrEqual(login.currentBoot);
      expect(decision.action === "start").toBe(decision.bootId > login.currentBoot);
      if (decision.overlay === "reset") expect([decision.action, login.mode]).toEqual(["start", "reset"]);
      expect(decision.overlay === "create").toBe(login.boundVersion === undefined);
    }),
  );
});

test("the same login twice starts one boot", () => {
  fc.assert(
    fc.property(facts, (login) => {
      const first = decideLogin(login);
      if (first.action === "refuse") return;
      const second = decideLogin({
        ...login,
        currentBoot: first.bootId,
        boundVersion: login.boundVersion ?? login.wantedVersion,
      });
      expect(second).toEqual({ action: "join", bootId: first.bootId, overlay: "keep" });
    }),
  );
});

test("a target name is read as it was written", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/),
      fc.option(fc.integer({ min: 1, max: 999_999_999 }), { nil: undefined }),
      (machineId, bootId) => {
        expect(parseBootTarget(formatBootTarget({ machineId, bootId }))).toEqual(
          bootId === undefined ? { machineId } : { machineId, bootId },
        );
      },
    ),
  );
});

test.each([
  "",
  "iqn.2026-11.org.ingot:",
  "iqn.2026-11.org.ingot:m:boot",
  "iqn.2026-11.org.ingot:m:boot0",
  "iqn.2026-11.org.ingot:m:boot01",
  "iqn.2026-11.org.ingot:m:boot1:x",
  "iqn.2026-11.org.ingot:../m",
  "iqn.2010-04.org.ipxe:m",
])("%j is no target of ours", (name) => {
  expect(parseBootTarget(name)).toBeUndefined();
});
