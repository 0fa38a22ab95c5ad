import { expect, test } from "vitest";
import { PortalGroups } from "./portal-groups.ts";

test("every portal is a group of its own, in the order of the configuration", () => {
  const groups = new PortalGroups(["10.0.0.1:3260", "10.1.0.1:3260", "[fd00::1]:3261"]);
  expect(groups.count).toBe(3);
  expect(groups.tagOf("10.1.0.1:3260")).toBe(2);
  expect(groups.tagOf("[fd00::1]:3261")).toBe(3);
  expect(groups.addressesFor("10.1.0.1:3260")).toEqual(["10.0.0.1:3260,1", "10.1.0.1:3260,2", "[fd00::1]:3261,3"]);
});

test("where all addresses are listened on, the one that was asked stands for them", () => {
  const groups = new PortalGroups(["0.0.0.0:3260", "0.0.0.0:3261"]);
  expect(groups.tagOf("10.0.0.7:3261")).toBe(2);
  expect(groups.addressesFor("10.0.0.7:3261")).toEqual(["10.0.0.7:3260,1", "10.0.0.7:3261,2"]);
});

test("where nobody said what is listened on there is one group", () => {
  const groups = new PortalGroups([]);
  expect(groups.count).toBe(1);
  expect(groups.tagOf("10.0.0.7:3260")).toBe(1);
  expect(groups.addressesFor("10.0.0.7:3260")).toEqual(["10.0.0.7:3260,1"]);
});
