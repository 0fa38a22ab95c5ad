import fc from "fast-check";
import { expect, test } from "vitest";
import {
  defaultMachineName,
  identify,
  type Identity,
  type IdentityCandidate,
  type IdentityFacts,
  swapUuid,
  usableFacts,
} from "./identify.ts";

const macA = "52:54:00:00:00:0a";
const macB = "52:54:00:00:00:0b";
const uuidA = "aaaaaaaa-1111-2222-8333-444444444444";
const uuidB = "bbbbbbbb-1111-2222-8333-444444444444";
const a: IdentityCandidate = { id: "a", macs: [macA], uuid: uuidA, serial: "SA" };
const b: IdentityCandidate = { id: "b", macs: [macB], uuid: uuidB, serial: "SB" };
const known = (id: string, learn: object = {}, clash: string[] = []): Identity => ({ kind: "known", id, learn, clash });

test.each<[string, IdentityFacts, IdentityCandidate[], Identity]>([
  ["a machine nobody knows is new", { mac: macA }, [], { kind: "new", withoutMac: false, clash: [] }],
  ["the MAC address is enough", { mac: macA }, [a], known("a")],
  ["all facts agree", { mac: macA, uuid: uuidA, serial: "SA" }, [a], known("a")],
  [
    "what was not known yet is learned",
    { mac: macA, uuid: uuidA, serial: "SA" },
    [{ id: "a", macs: [macA] }],
    known("a", { uuid: uuidA, serial: "SA" }),
  ],
  ["the UUID in the other byte order is the same", { mac: macA, uuid: swapUuid(uuidA) }, [a], known("a")],
  [
    "a UUID that changed is learned when the serial number vouches",
    { mac: macA, uuid: uuidB, serial: "SA" },
    [a],
    known("a", { uuid: uuidB }),
  ],
  ["a serial number that was edited does not matter", { mac: macA, uuid: uuidA, serial: "SX" }, [a], known("a")],
  [
    "a replaced board keeps its machine, and the operator hears of it",
    { mac: macA, uuid: uuidB },
    [a],
    known("a", {}, ["a"]),
  ],
  [
    "another card: UUID and serial number agree",
    { mac: macB, uuid: uuidA, serial: "SA" },
    [a],
    known("a", { mac: macB }),
  ],
  [
    "a UUID alone is not enough: it may be shared by a whole delivery",
    { mac: macB, uuid: uuidA },
    [a],
    { kind: "new", withoutMac: false, clash: ["a"] },
  ],
  [
    "a shared UUID with another serial number is another machine",
    { mac: macB, uuid: uuidA, serial: "SB" },
    [a],
    { kind: "new", withoutMac: false, clash: ["a"] },
  ],
  ["a dock moved to another known machine", { mac: macA, uuid: uuidB, serial: "SB" }, [a, b], known("b", {}, ["a"])],
  [
    "a dock moved to a machine nobody knows",
    { mac: macA, uuid: uuidB, serial: "SB" },
    [a],
    { kind: "new", withoutMac: true, clash: ["a"] },
  ],
  [
    "MAC address and UUID name two machines and nothing decides: neither",
    { mac: macA, uuid: uuidB },
    [a, b],
    { kind: "new", withoutMac: true, clash: ["a", "b"] },
  ],
  [
    "UUID and serial number shared by two machines decide nothing",
    { mac: "52:54:00:00:00:0c", uuid: uuidA, serial: "SA" },
    [a, { id: "twin", macs: [macB], uuid: uuidA, serial: "SA" }],
    { kind: "new", withoutMac: false, clash: ["a", "twin"] },
  ],
  [
    "two machines with one UUID are told apart by their MAC addresses",
    { mac: macB, uuid: uuidA },
    [a, { id: "twin", macs: [macB], uuid: uuidA }],
    known("twin", {}, ["a"]),
  ],
])("%s", (_what, facts, candidates, identity) => {
  expect(identify(facts, candidates)).toEqual(identity);
});

test("a machine is never recognised by a single fact that its other facts contradict", () => {
  const value = (...values: string[]): fc.Arbitrary<string | undefined> =>
    fc.option(fc.constantFrom(...values), { nil: undefined });
  const facts = fc.record({ mac: value(macA, macB), uuid: value(uuidA, uuidB), serial: value("SA", "SB") });
  fc.assert(
    fc.property(facts, (said) => {
      const identity = identify(said, [a, b]);
      if (identity.kind !== "known") return;
      const candidate = identity.id === "a" ? a : b;
      const facts = [
        said.mac === undefined ? 0 : candidate.macs.includes(said.mac) ? 1 : -1,
        said.uuid === undefined ? 0 : candidate.uuid === said.uuid ? 1 : -1,
        said.serial === undefined ? 0 : candidate.serial === said.serial ? 1 : -1,
      ];
      const speaksFor = facts.filter((vote) => vote > 0).length;
      const speaksAgainst = facts.filter((vote) => vote < 0).length;
      expect(speaksFor).toBeGreaterThanOrEqual(speaksAgainst);
    }),
  );
});

test.each([
  "00000000-0000-0000-0000-000000000000",
  "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
  "03000200-0400-0500-0006-000700080009",
])("the UUID %s says nothing", (uuid) => {
  expect(usableFacts({ uuid })).toEqual({});
});

test.each([
  "",
  "  ",
  "To Be Filled By O.E.M.",
  "To be filled by O.E.M",
  "System Serial Number",
  "Default string",
  "None",
  "N/A",
  "0000",
  "0123456789".slice(1),
  "....",
  "Not Specified",
])("the serial number %j says nothing", (serial) => {
  expect(usableFacts({ serial })).toEqual({});
});

test("a usable fact stays", () => {
  expect(usableFacts({ mac: macA, uuid: uuidA.toUpperCase(), serial: " PF3XK9 " })).toEqual({
    mac: macA,
    uuid: uuidA,
    serial: "PF3XK9",
  });
});

test("the default name can be read and obeys the rule for names", () => {
  expect(defaultMachineName({ mac: macA })).toBe("pc-52540000000a");
  expect(defaultMachineName({ uuid: uuidA })).toBe("pc-444444444444");
});
