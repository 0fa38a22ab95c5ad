import type { AgentImage, EnrolAnswer, MulticastAnswer, SwarmJoinAnswer, SwarmReportAnswer } from "@ingot/api";
import { AgentError } from "../errors.ts";

/**
 * The answers that a peer needs, checked by hand: loading and building the API's schemas costs a tenth of a second of
 * processor time, and in a room of machines that all begin at once that is a part of the job. The answers come from the
 * pinned server; a test holds these against the schemas.
 */
export type Parse<T> = (value: unknown) => T;

const HEX_64 = /^[0-9a-f]{64}$/;
const HEX_128 = /^[0-9a-f]{128}$/;
const ADDRESS = /^[0-9a-fA-F:.]{2,45}$/;
const MAX_LIST = 4096;

/** Answer of `POST enrol`. */
export const parseEnrolAnswer: Parse<EnrolAnswer> = (value) => {
  const answer = record(value, "enrolment");
  const state = oneOf(answer["state"], ["enrolled", "waiting", "refused"], "enrolment: state");
  if (state === "enrolled") {
    text(answer["agentId"], "enrolment: agentId");
    matching(answer["signingKey"], HEX_64, "enrolment: signingKey");
    optional(answer["machineId"], (v) => text(v, "enrolment: machineId"));
    optional(answer["machineName"], (v) => text(v, "enrolment: machineName"));
    if (Number.isNaN(Date.parse(text(answer["serverTime"], "enrolment: serverTime"))))
      fail("enrolment: serverTime", answer["serverTime"]);
  } else {
    text(answer["reason"], "enrolment: reason");
    text(answer["message"], "enrolment: message");
    amount(answer["retryAfterSeconds"], "enrolment: retryAfterSeconds");
    optional(answer["code"], (v) => text(v, "enrolment: code"));
  }
  return answer as unknown as EnrolAnswer;
};

/** Answer of `GET images/{reference}`. */
export const parseImage: Parse<AgentImage> = (value) => {
  const answer = record(value, "image");
  text(answer["name"], "image: name");
  amount(answer["version"], "image: version");
  matching(answer["manifestId"], HEX_64, "image: manifestId");
  optional(answer["signature"], (v) => matching(v, HEX_128, "image: signature"));
  amount(answer["sizeBytes"], "image: sizeBytes");
  amount(answer["dataBytes"], "image: dataBytes");
  return answer as unknown as AgentImage;
};

/** Answer of `POST swarms/{manifestId}/join`. */
export const parseJoinAnswer: Parse<SwarmJoinAnswer> = (value) => {
  const answer = record(value, "swarm");
  if (oneOf(answer["state"], ["joined", "refused"], "swarm: state") === "refused") checkRefusal(answer);
  else {
    text(answer["ticket"], "swarm: ticket");
    checkNews(answer);
  }
  return answer as unknown as SwarmJoinAnswer;
};

/** Answer of `POST swarms/{manifestId}/report`. */
export const parseReportAnswer: Parse<SwarmReportAnswer> = (value) => {
  const answer = record(value, "swarm");
  const state = oneOf(answer["state"], ["known", "unknown", "refused"], "swarm: state");
  if (state === "refused") checkRefusal(answer);
  if (state === "known") {
    optional(answer["ticket"], (v) => text(v, "swarm: ticket"));
    checkNews(answer);
  }
  return answer as unknown as SwarmReportAnswer;
};

/** Answer of `POST swarms/{manifestId}/multicast`. The plan itself is checked by the receiver, who knows the image. */
export const parseMulticastAnswer: Parse<MulticastAnswer> = (value) => {
  const answer = record(value, "multicast");
  if (oneOf(answer["state"], ["session", "none"], "multicast: state") === "none") {
    text(answer["reason"], "multicast: reason");
    return answer as unknown as MulticastAnswer;
  }
  const plan = record(answer["plan"], "multicast: plan");
  matching(plan["group"], ADDRESS, "multicast: group");
  matching(plan["key"], HEX_64, "multicast: key");
  port(plan["port"], "multicast: port");
  amount(plan["session"], "multicast: session");
  amount(plan["rate"], "multicast: rate");
  for (const run of list(plan["order"], "multicast: order")) {
    amount(record(run, "multicast: order")["first"], "multicast: first");
    amount(record(run, "multicast: order")["end"], "multicast: end");
  }
  return answer as unknown as MulticastAnswer;
};

function checkRefusal(answer: Readonly<Record<string, unknown>>): void {
  oneOf(answer["reason"], ["expelled", "full"], "swarm: reason");
}

function checkNews(answer: Readonly<Record<string, unknown>>): void {
  amount(answer["reportAfterMs"], "swarm: reportAfterMs");
  optional(answer["gatewayPlace"], (v) => amount(v, "swarm: gatewayPlace"));
  for (const item of list(answer["neighbours"], "swarm: neighbours")) {
    const contact = record(item, "swarm: neighbour");
    matching(contact["fingerprint"], HEX_64, "swarm: fingerprint");
    if (typeof contact["isRemote"] !== "boolean") fail("swarm: isRemote", contact["isRemote"]);
    for (const entry of list(contact["addresses"], "swarm: addresses")) {
      const address = record(entry, "swarm: address");
      matching(address["host"], ADDRESS, "swarm: host");
      port(address["port"], "swarm: port");
    }
  }
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(what, value);
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, what: string): readonly unknown[] {
  return Array.isArray(value) && value.length <= MAX_LIST ? value : fail(what, value);
}

function text(value: unknown, what: string): string {
  return typeof value === "string" && value.length <= 8192 ? value : fail(what, value);
}

function matching(value: unknown, pattern: RegExp, what: string): string {
  return typeof value === "string" && pattern.test(value) ? value : fail(what, value);
}

function amount(value: unknown, what: string): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : fail(what, value);
}

function port(value: unknown, what: string): number {
  const number = amount(value, what);
  return number >= 1 && number <= 65_535 ? number : fail(what, value);
}

function oneOf<T extends string>(value: unknown, values: readonly T[], what: string): T {
  return values.find((candidate) => candidate === value) ?? fail(what, value);
}

function optional(value: unknown, check: (value: unknown) => unknown): void {
  if (value !== undefined) check(value);
}

function fail(what: string, value: unknown): never {
  throw new AgentError("bad-answer", `the server's answer, ${what}: got ${JSON.stringify(value)?.slice(0, 80)}`);
}
