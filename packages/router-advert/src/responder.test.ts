import { expect, test } from "vitest";
import { LISTEN_FIRST_MS, MAX_ANSWERS_PER_SECOND, MIN_MULTICAST_INTERVAL_MS, ROUTER_MEMORY_MS } from "./limits.ts";
import { encodeEmptyAdvertisement, encodeSolicitation } from "./message.ts";
import type { ReceivedMessage } from "./message.ts";
import { ALL_NODES, Responder } from "./responder.ts";

const MACHINE = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1);
const ROUTER = Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 2);

const solicitation: ReceivedMessage = { message: encodeSolicitation(), source: MACHINE, hopLimit: 255 };
const anonymous: ReceivedMessage = { ...solicitation, source: new Uint8Array(16) };

function advertisement(lifetimeSeconds: number): ReceivedMessage {
  const message = encodeEmptyAdvertisement();
  new DataView(message.buffer, message.byteOffset).setUint16(6, lifetimeSeconds);
  return { message, source: ROUTER, hopLimit: 255 };
}

const answer = { kind: "answer", destination: MACHINE };
const silence = (reason: string) => ({ kind: "silence", reason });

test("a machine is told, to itself alone", () => {
  expect(new Responder(0).decide(solicitation, LISTEN_FIRST_MS)).toEqual(answer);
});

test("after the start a router has time to make itself heard", () => {
  const responder = new Responder(1000);
  expect(responder.decide(solicitation, 1000 + LISTEN_FIRST_MS - 1)).toEqual(silence("listening-first"));
  expect(responder.decide(advertisement(1800), 1000 + LISTEN_FIRST_MS - 1)).toEqual({
    kind: "router-heard",
    isNews: true,
  });
  expect(responder.decide(solicitation, 1000 + LISTEN_FIRST_MS)).toEqual(silence("router-present"));
});

test.each([
  ["half an hour after its last word", 1800, ROUTER_MEMORY_MS],
  ["half an hour also when it says that it is none", 0, ROUTER_MEMORY_MS],
  ["its own lifetime where that is longer", 9000, 9_000_000],
])("a router keeps us silent for %s", (_name, lifetimeSeconds, silentMs) => {
  const responder = new Responder(0);
  responder.decide(advertisement(1800), 5000);
  expect(responder.decide(advertisement(lifetimeSeconds), 10_000)).toEqual({ kind: "router-heard", isNews: false });
  expect(responder.decide(solicitation, 10_000 + silentMs - 1)).toEqual(silence("router-present"));
  expect(responder.decide(solicitation, 10_000 + silentMs)).toEqual(answer);
  expect(responder.decide(advertisement(1800), 10_000 + silentMs)).toEqual({ kind: "router-heard", isNews: true });
});

test("a last word does not shorten what was announced before", () => {
  const responder = new Responder(0);
  responder.decide(advertisement(9000), 0);
  responder.decide(advertisement(0), 1000);
  expect(responder.decide(solicitation, 8_999_999)).toEqual(silence("router-present"));
});

test("a machine without an address is answered by telling all, not more than every three seconds", () => {
  const responder = new Responder(-LISTEN_FIRST_MS);
  expect(responder.decide(anonymous, 0)).toEqual({ kind: "answer", destination: ALL_NODES });
  expect(responder.decide(anonymous, MIN_MULTICAST_INTERVAL_MS - 1)).toEqual(silence("rate-limit"));
  expect(responder.decide(solicitation, MIN_MULTICAST_INTERVAL_MS - 1)).toEqual(answer);
  expect(responder.decide(anonymous, MIN_MULTICAST_INTERVAL_MS)).toMatchObject({ kind: "answer" });
});

test("a flood gets so many answers in a second and no more", () => {
  const responder = new Responder(-LISTEN_FIRST_MS);
  const kinds = Array.from({ length: MAX_ANSWERS_PER_SECOND + 50 }, () => responder.decide(solicitation, 10).kind);
  expect(kinds.filter((kind) => kind === "answer").length).toBe(MAX_ANSWERS_PER_SECOND);
  expect(responder.decide(solicitation, 1009)).toEqual(silence("rate-limit"));
  expect(responder.decide(solicitation, 1010)).toEqual(answer);
});
