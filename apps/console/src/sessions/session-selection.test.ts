import { describe, expect, it } from "vitest";
import { makeSession } from "../../test/fake-sessions.ts";
import { selectSessions, sumSessions } from "./session-selection.ts";

const NOW = Date.parse("2026-11-22T08:00:00.000Z");
const still = makeSession(NOW, { id: "1", machine: "m1", machineName: "pc-10" });
const reading = makeSession(NOW, {
  id: "2",
  machine: "m2",
  machineName: "pc-9",
  image: { name: "win11", version: 7 },
  read: { bytes: 9, commands: 9, bytesPerSecond: 4096, commandsPerSecond: 1, p50Us: 90, p99Us: 400 },
  since: "2026-11-22T07:59:59.000Z",
});
const writing = makeSession(NOW, {
  id: "3",
  machine: "m2",
  machineName: "pc-9",
  write: { bytes: 9, commands: 9, bytesPerSecond: 512, commandsPerSecond: 1, p50Us: 100, p99Us: 90_000 },
  failedCommands: 3,
  peer: "10.77.9.9",
});
const discovery = makeSession(NOW, { id: "4", openCommands: 2 });
const all = [still, reading, writing, discovery];
const ALL = { text: "", show: "all", sort: "machine" } as const;
const idsOf = (filter: Partial<Parameters<typeof selectSessions>[1]>): string[] =>
  selectSessions(all, { ...ALL, ...filter }).map(({ id }) => id);

describe("selectSessions", () => {
  it("sorts by the machine's name as people do, discovery first", () => {
    expect(idsOf({})).toEqual(["4", "2", "3", "1"]);
  });

  it.each([
    ["read", "2"],
    ["write", "3"],
    ["latency", "3"],
    ["failed", "3"],
    ["waiting", "4"],
    ["since", "2"],
  ] as const)("brings by %s what matters to the top", (sort, first) => {
    expect(idsOf({ sort })[0]).toBe(first);
  });

  it("finds by machine, image, initiator and address, every word of it", () => {
    expect(idsOf({ text: "PC-9 win11:7" })).toEqual(["2"]);
    expect(idsOf({ text: "10.77.9" })).toEqual(["3"]);
    expect(idsOf({ text: "discovery" })).toEqual(["4"]);
    expect(idsOf({ text: "nobody" })).toEqual([]);
  });

  it("shows those over which something goes, or those with failed commands", () => {
    expect(idsOf({ show: "busy" })).toEqual(["4", "2", "3"]);
    expect(idsOf({ show: "failed" })).toEqual(["3"]);
  });
});

it("sums up", () => {
  expect(sumSessions(all)).toMatchObject({
    sessions: 4,
    machines: 2,
    busy: 3,
    readBytesPerSecond: 4096,
    writtenBytesPerSecond: 512,
    failedCommands: 3,
    failing: 1,
    slowest: { id: "3" },
  });
});
