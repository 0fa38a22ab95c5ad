import { describe, expect, test } from "vitest";
import { swarmJoinAnswerSchema, swarmJoinSchema, swarmReportAnswerSchema, swarmReportSchema } from "./agent-swarm.ts";

const FINGERPRINT = "ab".repeat(32);
const JOIN = { port: 40_000, hosts: ["10.0.0.7", "fd00::7"], heldPieces: 12, isComplete: false };
const REPORT = {
  heldPieces: 12,
  isComplete: false,
  neighbours: 20,
  sentBytes: 2 ** 45,
  receivedBytes: 0,
  uploads: 3,
  uploadSlots: 4,
  sources: [
    { fingerprint: FINGERPRINT, bytes: 2 ** 45, ms: 9000, latencyMs: 0, failures: 0 },
    { fingerprint: FINGERPRINT, bytes: 0, ms: 0, failures: 2 },
  ],
  bans: [
    { fingerprint: FINGERPRINT, reason: "wrong-bytes", piece: 7 },
    { fingerprint: FINGERPRINT, reason: "flood" },
  ],
};
const NEWS = {
  neighbours: [{ fingerprint: FINGERPRINT, addresses: [{ host: "10.0.0.8", port: 1 }], isRemote: true }],
  gatewayPlace: 3,
  reportAfterMs: 2000,
};
const JOINED = { state: "joined", ticket: "AAAA", ...NEWS };
const [CONTACT] = NEWS.neighbours;

test("what peers and tracker say to each other is let through", () => {
  expect(swarmJoinSchema.parse(JOIN)).toEqual(JOIN);
  expect(swarmReportSchema.parse(REPORT)).toEqual(REPORT);
  expect(swarmJoinAnswerSchema.parse(JOINED)).toEqual(JOINED);
  expect(swarmReportAnswerSchema.parse({ state: "known", ...NEWS })).toEqual({ state: "known", ...NEWS });
  expect(swarmReportAnswerSchema.parse({ state: "unknown" })).toEqual({ state: "unknown" });
  const refusal = { state: "refused", reason: "expelled" };
  expect(swarmJoinAnswerSchema.parse(refusal)).toEqual(refusal);
});

describe("refused", () => {
  test.each([
    ["port 0", { ...JOIN, port: 0 }],
    ["port 65536", { ...JOIN, port: 65_536 }],
    ["a name instead of an address", { ...JOIN, hosts: ["localhost"] }],
    ["nine addresses", { ...JOIN, hosts: Array(9).fill("10.0.0.1") }],
    ["fewer than no pieces", { ...JOIN, heldPieces: -1 }],
    ["more pieces than an image has", { ...JOIN, heldPieces: 2_621_441 }],
    ["half a piece", { ...JOIN, heldPieces: 0.5 }],
    ["not a word of being complete", { ...JOIN, isComplete: undefined }],
  ])("joining with %s", (_what, body) => {
    expect(swarmJoinSchema.safeParse(body).success).toBe(false);
  });

  test.each([
    ["more neighbours than anybody has", { ...REPORT, neighbours: 20_001 }],
    ["more bytes than a number counts", { ...REPORT, sentBytes: 2 ** 53 }],
    ["infinitely many bytes", { ...REPORT, receivedBytes: Infinity }],
    ["65 sources", { ...REPORT, sources: Array(65).fill(REPORT.sources[0]) }],
    ["a source of fewer than no bytes", { ...REPORT, sources: [{ ...REPORT.sources[0], bytes: -1 }] }],
    ["65 bans", { ...REPORT, bans: Array(65).fill(REPORT.bans[0]) }],
    ["a ban without a reason", { ...REPORT, bans: [{ fingerprint: FINGERPRINT }] }],
    ["a fingerprint in capitals", { ...REPORT, bans: [{ ...REPORT.bans[0], fingerprint: "AB".repeat(32) }] }],
  ])("a report of %s", (_what, body) => {
    expect(swarmReportSchema.safeParse(body).success).toBe(false);
  });

  test.each([
    ["129 neighbours", { ...JOINED, neighbours: Array(129).fill(CONTACT) }],
    ["a neighbour without address", { ...JOINED, neighbours: [{ ...CONTACT, addresses: [] }] }],
    ["gateway 64", { ...JOINED, gatewayPlace: 64 }],
    ["a report after no time", { ...JOINED, reportAfterMs: 0 }],
    ["a report after a year", { ...JOINED, reportAfterMs: 3e10 }],
    ["a ticket that is no base64", { ...JOINED, ticket: "%%%" }],
    ["a ticket of a megabyte", { ...JOINED, ticket: "A".repeat(1_048_576) }],
    ["another state", { ...JOINED, state: "perhaps" }],
  ])("an answer with %s", (_what, body) => {
    expect(swarmJoinAnswerSchema.safeParse(body).success).toBe(false);
  });
});
