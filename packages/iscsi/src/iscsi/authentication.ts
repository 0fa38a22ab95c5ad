import { CHALLENGE_BYTES, chapResponse, chooseAlgorithm, formatBinaryValue, verifyChap } from "./chap.ts";
import type { ChapChallenge, ChapRequirement } from "./chap.ts";
import { LoginFailure } from "./login-failure.ts";
import { LoginStatus } from "./login-pdu.ts";
import { parseBinaryValue, parseNumber } from "./text-keys.ts";
import type { TextKey } from "./text-keys.ts";

const KEYS: ReadonlySet<string> = new Set(["AuthMethod", "CHAP_A", "CHAP_I", "CHAP_C", "CHAP_N", "CHAP_R"]);

/**
 * The security stage of a login (RFC 7143 §12): which method, and whether the proof was given.
 *
 * ```
 * initiator  AuthMethod=CHAP,None    CHAP_A=5,7                 CHAP_N=… CHAP_R=…  [CHAP_I CHAP_C]
 * target       AuthMethod=CHAP         CHAP_A=5 CHAP_I CHAP_C     [CHAP_N CHAP_R]
 * ```
 */
export class Authentication {
  readonly #requirement: ChapRequirement | undefined;
  readonly #random: (length: number) => Uint8Array;
  #method: "None" | "CHAP" | undefined;
  #sent: ChapChallenge | undefined;
  #proved = false;

  constructor(requirement: ChapRequirement | undefined, random: (length: number) => Uint8Array) {
    this.#requirement = requirement;
    this.#random = random;
  }

  /** Whether a key belongs to this stage. */
  static isKey(name: string): boolean {
    return KEYS.has(name);
  }

  /** A method was chosen. */
  get started(): boolean {
    return this.#method !== undefined;
  }

  /** Nothing is left to prove. */
  get done(): boolean {
    return this.#proved || (this.#requirement === undefined && this.#method !== "CHAP");
  }

  /** Answers the security keys of one request. Throws `LoginFailure` with `authenticationFailure`. */
  answer(keys: ReadonlyMap<string, string>): TextKey[] {
    const answers: TextKey[] = [];
    const methods = keys.get("AuthMethod");
    if (methods !== undefined) answers.push(["AuthMethod", this.#choose(methods.split(","))]);
    const algorithms = keys.get("CHAP_A");
    if (algorithms !== undefined) answers.push(...this.#challenge(algorithms));
    const response = keys.get("CHAP_R");
    if (response !== undefined) answers.push(...this.#verify(keys, response));
    return answers;
  }

  #choose(offered: readonly string[]): "None" | "CHAP" {
    if (this.#method !== undefined)
      throw new LoginFailure(LoginStatus.initiatorError, "AuthMethod was negotiated before");
    const method = this.#requirement === undefined ? "None" : "CHAP";
    // An initiator that insists on CHAP where we know no secret cannot be satisfied either.
    if (!offered.includes(method)) throw refused(`AuthMethod=${method} is needed, ${offered.join(",")} was offered`);
    this.#method = method;
    return method;
  }

  #challenge(offered: string): TextKey[] {
    const algorithm = chooseAlgorithm(offered);
    // One challenge per login: a second one would let its answers be tried out.
    if (algorithm === undefined) throw refused(`none of CHAP_A=${offered} is known`);
    if (this.#method !== "CHAP" || this.#sent !== undefined) throw refused("CHAP_A out of order");
    const [identifier = 0] = this.#random(1);
    this.#sent = { algorithm, identifier, challenge: this.#random(CHALLENGE_BYTES) };
    return [
      ["CHAP_A", algorithm],
      ["CHAP_I", String(identifier)],
      ["CHAP_C", formatBinaryValue(this.#sent.challenge)],
    ];
  }

  #verify(keys: ReadonlyMap<string, string>, response: string): TextKey[] {
    const requirement = this.#requirement;
    if (requirement === undefined || this.#sent === undefined || this.#proved) throw refused("CHAP_R out of order");
    if (!verifyChap(this.#sent, requirement, keys.get("CHAP_N") ?? "", response)) {
      throw refused("wrong CHAP name or secret");
    }
    this.#proved = true;
    return this.#proveOurselves(keys, this.#sent);
  }

  /** Mutual CHAP: the initiator sends a challenge of its own. */
  #proveOurselves(keys: ReadonlyMap<string, string>, sent: ChapChallenge): TextKey[] {
    const identifier = keys.get("CHAP_I");
    const challenge = keys.get("CHAP_C");
    if (identifier === undefined && challenge === undefined) return [];
    const mutual = this.#requirement?.mutual;
    const number = parseNumber(identifier ?? "", 0, 255);
    if (mutual === undefined)
      throw refused("the initiator asks for a proof (mutual CHAP), and no secret for that is known");
    if (number === undefined || challenge === undefined) throw refused("CHAP_I or CHAP_C is missing or no number");
    const bytes = parseBinaryValue(challenge);
    // Our own challenge sent back would make us compute the answer for somebody who cannot (RFC 7143 §9.2.1).
    const reflected = bytes.length === sent.challenge.length && bytes.every((byte, i) => byte === sent.challenge[i]);
    if (reflected) throw refused("our own challenge came back");
    return [
      ["CHAP_N", mutual.name],
      ["CHAP_R", formatBinaryValue(chapResponse(sent.algorithm, number, mutual.secret, bytes))],
    ];
  }
}

function refused(reason: string): LoginFailure {
  return new LoginFailure(LoginStatus.authenticationFailure, reason);
}
