import { expect, test } from "vitest";
import { Conduct, type Deed } from "./conduct.ts";

test.each<[Deed, number, object]>([
  ["wrong-bytes", 1, { kind: "ban", reason: "wrong-bytes" }],
  ["flood", 1, { kind: "ban", reason: "flood" }],
  ["malformed", 1, { kind: "ban", reason: "protocol" }],
  ["false-have", 3, { kind: "ban", reason: "false-have" }],
  ["out-of-turn", 3, { kind: "ban", reason: "protocol" }],
  ["failure", 5, { kind: "drop" }],
])("%s: the verdict falls at number %i", (deed, count, verdict) => {
  const conduct = new Conduct();
  for (let i = 1; i < count; i++) expect(conduct.judge("a", deed)).toEqual({ kind: "none" });
  expect(conduct.judge("a", deed)).toEqual(verdict);
  expect(conduct.isBanned("a")).toBe("reason" in verdict);
  expect(conduct.isBanned("b")).toBe(false);
});

test("failures count only in a row", () => {
  const conduct = new Conduct();
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 4; j++) expect(conduct.judge("a", "failure").kind).toBe("none");
    expect(conduct.failuresOf("a")).toBe(4);
    conduct.judge("a", "success");
  }
});

test("the server is let in again when it has started anew, and nobody else is", () => {
  const conduct = new Conduct("server");
  for (const fingerprint of ["server", "peer"]) conduct.judge(fingerprint, "wrong-bytes", { piece: 3, instance: 7 });
  expect(conduct.isBanned("server", 7)).toBe(true);
  expect(conduct.isBanned("server", 8)).toBe(false);
  // Before it is connected, nobody knows whether it is the same.
  expect(conduct.isBanned("server")).toBe(false);
  expect(conduct.isBanned("peer", 8)).toBe(true);
  conduct.pardon("server");
  expect(conduct.isBanned("server", 7)).toBe(false);
  conduct.judge("server", "flood", { instance: 8 });
  expect(conduct.isBanned("server", 9)).toBe(true);
});

test("a ban is told of once, or again when the telling failed", () => {
  const conduct = new Conduct();
  conduct.judge("a", "wrong-bytes");
  conduct.judge("a", "wrong-bytes");
  conduct.judge("b", "flood");
  expect(conduct.banCount).toBe(2);
  const first = conduct.takeUnreported(1);
  expect(first).toEqual([{ fingerprint: "a", reason: "wrong-bytes" }]);
  conduct.putBack(first);
  expect(conduct.takeUnreported(9).map(({ fingerprint }) => fingerprint)).toEqual(["a", "b"]);
  expect(conduct.takeUnreported(9)).toEqual([]);
});
