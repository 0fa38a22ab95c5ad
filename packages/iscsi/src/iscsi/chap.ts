// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { createHash, timingSafeEqual } from "node:crypto";
import { parseBinaryValue } from "./text-keys.ts";

/** What an initiator must prove at login, and optionally what we prove to it. */
export interface ChapRequirement {
  /** The name (CHAP_N) that the initiator must give. */
  readonly name: string;
  /** The secret that both know. */
  readonly secret: string;
  /** Our own name and secret, for initiators that ask us to prove ourselves (mutual CHAP). */
  readonly mutual?: { readonly name: string; readonly secret: string };
}

/** CHAP_A numbers (IANA "PPP authentication algorithms") and the hash behind each. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["5", "md5"],
  ["6", "sha1"],
  ["7", "sha256"],
  ["8", "sha3-256"],
]);

/** Length of the challenge that we send; RFC 7143 §12.1.3 asks for at least as many bytes as the hash has. */
export const CHALLENGE_BYTES = 32;

/** The first algorithm of the initiator's list (`"6,5"`) that we know, or `undefined`. */
export function chooseAlgorithm(offered: string): string | undefined {
  return offered.split(",").find((algorithm) => ALGORITHMS.has(algorithm));
}

/** The answer to a challenge: the hash over identifier, secret and challenge (RFC 1994 §4.1). */
export function chapResponse(algorithm: string, identifier: number, secret: string, challenge: Uint8Array): Uint8Array {
  const hash = ALGORITHMS.get(algorithm);
  if (hash === undefined) throw new RangeError(`CHAP algorithm ${algorithm} was never offered`);
  return createHash(hash).update(Uint8Array.of(identifier)).update(secret, "utf8").update(challenge).digest();
}

/** One challenge of ours that waits for its answer. */
export interface ChapChallenge {
  /** CHAP_A as chosen. */
  readonly algorithm: string;
  /** CHAP_I. */
  readonly identifier: number;
  /** CHAP_C. */
  readonly challenge: Uint8Array;
}

/**
 * Whether CHAP_N and CHAP_R prove the secret; compared in constant time. Throws `malformedText` when CHAP_R is neither hex nor base64.
 */
export function verifyChap(sent: ChapChallenge, requirement: ChapRequirement, name: string, response: string): boolean {
  const expected = chapResponse(sent.algorithm, sent.identifier, requirement.secret, sent.challenge);
  const given = parseBinaryValue(response);
  const proved = given.length === expected.length && timingSafeEqual(given, expected);
  return proved && name === requirement.name;
}

/** Binary values go out in hex; every initiator reads that. */
export function formatBinaryValue(bytes: Uint8Array): string {
  return `0x${bytes.toHex()}`;
}
