import {
  AGENT_BASE_PATH,
  agentImageSchema,
  enrolAnswerSchema,
  multicastAnswerSchema,
  swarmJoinAnswerSchema,
  swarmReportAnswerSchema,
} from "@ingot/api";
import { expect, test } from "vitest";
import {
  type Parse,
  parseEnrolAnswer,
  parseImage,
  parseJoinAnswer,
  parseMulticastAnswer,
  parseReportAnswer,
} from "./answers.ts";
import { BASE_PATH } from "./server-client.ts";

const hex = "ab".repeat(32);
const neighbours = [{ fingerprint: hex, addresses: [{ host: "10.0.0.2", port: 4000 }], isRemote: false }];
const plan = {
  group: "239.255.1.2",
  port: 26_000,
  key: hex,
  session: 7,
  rate: 1e8,
  order: [{ first: 0, end: 4 }],
};
const enrolled = {
  state: "enrolled",
  agentId: "a-1",
  machineId: "m-1",
  machineName: "pc-1",
  signingKey: hex,
  serverTime: "2026-11-22T08:30:00.000Z",
};
const waiting = { state: "waiting", reason: "approval", code: "K7QX", message: "wait", retryAfterSeconds: 5 };
const image = { name: "debian", version: 3, manifestId: hex, signature: hex + hex, sizeBytes: 4096, dataBytes: 512 };
const joined = { state: "joined", ticket: "AAAA", neighbours, gatewayPlace: 0, reportAfterMs: 1000 };
const known = { state: "known", neighbours, reportAfterMs: 1000 };
const refused = { state: "refused", reason: "expelled" };

interface Schema {
  safeParse(value: unknown): { success: boolean };
}

test.each<[string, Parse<unknown>, Schema, unknown]>([
  ["an enrolment", parseEnrolAnswer, enrolAnswerSchema, enrolled],
  ["a machine that waits", parseEnrolAnswer, enrolAnswerSchema, waiting],
  ["a machine that is turned away", parseEnrolAnswer, enrolAnswerSchema, { ...waiting, state: "refused" }],
  ["an image", parseImage, agentImageSchema, image],
  ["an image without signature", parseImage, agentImageSchema, { ...image, signature: undefined }],
  ["an admission", parseJoinAnswer, swarmJoinAnswerSchema, joined],
  ["a refusal", parseJoinAnswer, swarmJoinAnswerSchema, refused],
  ["news", parseReportAnswer, swarmReportAnswerSchema, known],
  ["a peer that is not known", parseReportAnswer, swarmReportAnswerSchema, { state: "unknown" }],
  ["a session", parseMulticastAnswer, multicastAnswerSchema, { state: "session", plan, startsInMs: 900 }],
  ["no session", parseMulticastAnswer, multicastAnswerSchema, { state: "none", reason: "few" }],
])("what the schema takes is taken: %s", (_what, parse, schema, answer) => {
  expect(schema.safeParse(answer).success).toBe(true);
  expect(parse(answer)).toEqual(answer);
});

test.each<[string, Parse<unknown>, unknown]>([
  ["no object", parseEnrolAnswer, "enrolled"],
  ["an unknown state", parseEnrolAnswer, { ...enrolled, state: "admin" }],
  ["a short key", parseEnrolAnswer, { ...enrolled, signingKey: "ab" }],
  ["no time", parseEnrolAnswer, { ...enrolled, serverTime: "yesterday" }],
  ["a negative wait", parseEnrolAnswer, { ...waiting, retryAfterSeconds: -1 }],
  ["an image of a fractional size", parseImage, { ...image, sizeBytes: 0.5 }],
  ["a signature of the wrong length", parseImage, { ...image, signature: hex }],
  [
    "a port that is none",
    parseJoinAnswer,
    { ...joined, neighbours: [{ ...neighbours[0], addresses: [{ host: "10.0.0.1", port: 0 }] }] },
  ],
  [
    "a host name",
    parseJoinAnswer,
    { ...joined, neighbours: [{ ...neighbours[0], addresses: [{ host: "evil.example", port: 1 }] }] },
  ],
  [
    "an absurd number of neighbours",
    parseJoinAnswer,
    { ...joined, neighbours: Array.from({ length: 5000 }, () => neighbours[0]) },
  ],
  ["a delay of no number", parseReportAnswer, { ...known, reportAfterMs: Number.NaN }],
  ["a plan with a short key", parseMulticastAnswer, { state: "session", plan: { ...plan, key: "00" } }],
  ["a plan without an order", parseMulticastAnswer, { state: "session", plan: { ...plan, order: 4 } }],
])("%s is refused", (_what, parse, answer) => {
  expect(() => parse(answer)).toThrow(expect.objectContaining({ code: "bad-answer" }));
});

test("the agent asks where the API says", () => {
  expect(BASE_PATH).toBe(`${AGENT_BASE_PATH}/`);
});
