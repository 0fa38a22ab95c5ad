import { IscsiError } from "../errors.ts";
import { MAX_LOGIN_REQUESTS, MAX_NAME_LENGTH, MAX_VALUE_LENGTH } from "../limits.ts";
import { Authentication } from "./authentication.ts";
import type { ChapRequirement } from "./chap.ts";
import type { LoginParties } from "../directory.ts";
import { LoginStatus, Stage } from "./login-pdu.ts";
import type { LoginRequest } from "./login-pdu.ts";
import { LoginFailure } from "./login-failure.ts";
import { DECLARED_SEGMENT_LENGTH, defaultParameters, negotiate, settle } from "./negotiation.ts";
import type { SessionParameters } from "./negotiation.ts";
import { formatTextKeys, parseTextKeys, TextCollector } from "./text-keys.ts";
import type { TextKey } from "./text-keys.ts";

/** What a login needs from the outside. */
export interface LoginDeps {
  readonly peerAddress: string;
  readonly portal: string;
  /** The group of that portal, from 1. */
  readonly portalGroupTag: number;
  /** Cryptographically random bytes. */
  random(length: number): Uint8Array;
  credentials(parties: LoginParties): Promise<ChapRequirement | undefined>;
  /** Opens the target for the login that has passed everything; returns the new session's TSIH. Throws `LoginFailure`. */
  open(login: LoginParties & { readonly targetName: string }): Promise<number>;
  /** A new TSIH for a discovery session. */
  openDiscovery(): number;
  /** Why nobody is to be asked about this login; nothing where it may go on. */
  barred(): string | undefined;
  /** Whether a TSIH is that of an open session of this initiator port. */
  isSessionOf(tsih: number, parties: LoginParties): boolean;
}

/** What is known once a login is through. */
export interface LoginResult {
  readonly parties: LoginParties;
  readonly alias: string | undefined;
  readonly parameters: SessionParameters;
}

/** The answer to one login request. */
export interface LoginReply {
  readonly status: LoginStatus;
  /** Why it is not `success`, in words. */
  readonly reason?: string;
  readonly transit: boolean;
  readonly currentStage: Stage;
  readonly nextStage: Stage;
  readonly tsih: number;
  readonly text: Uint8Array;
  /** Present when the reply starts full feature phase. */
  readonly result?: LoginResult;
}

const NO_TEXT = new Uint8Array(0);

/**
 * The login phase of one connection (RFC 7143 §6.3): text in, text out. It knows the stages, who is talking, what has been proved
 * and what has been agreed; it knows nothing of sockets.
 */
export class Login {
  readonly #deps: LoginDeps;
  readonly #text = new TextCollector();
  readonly #parameters = defaultParameters();
  readonly #negotiated = new Set<string>();
  #stage: Stage | undefined;
  #requests = 0;
  #port: string | undefined;
  #parties: LoginParties | undefined;
  #alias: string | undefined;
  #authentication: Authentication | undefined;
  #declared = false;

  constructor(deps: LoginDeps) {
    this.#deps = deps;
  }

  /** Who is logging in, as soon as the first request was read. */
  get parties(): LoginParties | undefined {
    return this.#parties;
  }

  /** Answers one request. Never rejects for what the initiator did: that is a reply whose status is not `success`. */
  async answer(request: LoginRequest, data: Uint8Array): Promise<LoginReply> {
    try {
      return await this.#step(request, data);
    } catch (error) {
      if (error instanceof LoginFailure) return this.#failed(request, error);
      if (error instanceof IscsiError) {
        return this.#failed(request, new LoginFailure(LoginStatus.initiatorError, error.message));
      }
      throw error;
    }
  }

  #failed({ currentStage }: LoginRequest, { status, message, text }: LoginFailure): LoginReply {
    const stages = { transit: false, currentStage, nextStage: currentStage };
    return { status, reason: message, ...stages, tsih: 0, text: formatTextKeys(text) };
  }

  async #step(request: LoginRequest, data: Uint8Array): Promise<LoginReply> {
    if (++this.#requests > MAX_LOGIN_REQUESTS) throw refused(`more than ${MAX_LOGIN_REQUESTS} login requests`);
    if (request.versionMin > 0) throw new LoginFailure(LoginStatus.unsupportedVersion);
    this.#stage ??= request.currentStage;
    if (request.currentStage !== this.#stage) {
      throw refused(`stage ${request.currentStage} where stage ${this.#stage} was agreed on`);
    }
    this.#requireSameSession(request);
    this.#text.add(data);
    if (request.more) return this.#reply(request, false, NO_TEXT);
    const keys = parseTextKeys(this.#text.take());
    const answers: TextKey[] = [];
    if (this.#parties === undefined) await this.#introduce(request, keys, answers);
    this.#answerKeys(keys, answers);
    if (this.#stage === Stage.operational && !this.#declared) {
      this.#declared = true;
      answers.push(["MaxRecvDataSegmentLength", DECLARED_SEGMENT_LENGTH]);
    }
    const transit = request.transit && this.#mayLeave();
    if (transit && request.nextStage === Stage.fullFeature) return this.#enterFullFeature(request, answers);
    if (transit) this.#stage = request.nextStage;
    return this.#reply(request, transit, formatTextKeys(answers));
  }

  /** All requests of a login carry the same ISID and CID (RFC 7143 §11.12.5, §11.12.7). */
  #requireSameSession({ isid, cid, tsih }: LoginRequest): void {
    const port = `${isid},${cid},${tsih}`;
    this.#port ??= port;
    if (port !== this.#port) throw refused("ISID, CID or TSIH is not that of the first request");
  }

  /** The first complete request says who wants what (RFC 7143 §6.3.1). */
  async #introduce(request: LoginRequest, keys: readonly TextKey[], answers: TextKey[]): Promise<void> {
    const all = new Map(keys);
    const initiatorName = nameIn(all, "InitiatorName");
    if (initiatorName === undefined) throw new LoginFailure(LoginStatus.missingParameter, "InitiatorName is missing");
    const sessionType = all.get("SessionType") ?? "Normal";
    if (sessionType !== "Normal" && sessionType !== "Discovery")
      throw new LoginFailure(LoginStatus.sessionTypeNotSupported);
    const targetName = nameIn(all, "TargetName");
    if (sessionType === "Normal" && targetName === undefined)
      throw new LoginFailure(LoginStatus.missingParameter, "TargetName is missing");
    const { peerAddress, portal } = this.#deps;
    const barred = this.#deps.barred();
    if (barred !== undefined) throw new LoginFailure(LoginStatus.serviceUnavailable, barred);
    const common = { initiatorName, isid: request.isid, peerAddress, portal };
    const parties = sessionType === "Normal" && targetName !== undefined ? { ...common, targetName } : common;
    this.#parties = parties;
    this.#alias = all.get("InitiatorAlias")?.slice(0, MAX_VALUE_LENGTH);
    this.#authentication = new Authentication(await this.#deps.credentials(parties), (length) =>
      this.#deps.random(length),
    );
    if ("targetName" in parties) answers.push(["TargetPortalGroupTag", String(this.#deps.portalGroupTag)]);
  }

  #answerKeys(keys: readonly TextKey[], answers: TextKey[]): void {
    const authentication = this.#authentication as Authentication;
    if (this.#stage === Stage.security) answers.push(...authentication.answer(new Map(keys)));
    const discovery = this.#parties?.targetName === undefined;
    for (const [name, value] of keys) {
      if (INTRODUCTION.has(name) || (this.#stage === Stage.security && Authentication.isKey(name))) continue;
      // A key is negotiated once (RFC 7143 §6.2).
      if (this.#negotiated.has(name)) throw refused(`${name} was negotiated before`);
      this.#negotiated.add(name);
      const result = negotiate(name, value, this.#parameters, discovery);
      if (result !== undefined) answers.push([name, result]);
    }
    settle(this.#parameters);
    limitFirstBurst(answers, this.#parameters);
  }

  #mayLeave(): boolean {
    const authentication = this.#authentication as Authentication;
    if (authentication.done) return true;
    // Without a word about authentication there is nothing to wait for: it must be proved and will not be.
    if (this.#stage !== Stage.security || !authentication.started)
      throw new LoginFailure(LoginStatus.authenticationFailure, "this target needs CHAP, and none was offered");
    return false;
  }

  async #enterFullFeature(request: LoginRequest, answers: readonly TextKey[]): Promise<LoginReply> {
    const parties = this.#parties as LoginParties;
    if (request.tsih !== 0) {
      // Another connection of a session, or a new one in its place: both are more than the one that a session has here.
      const exists = this.#deps.isSessionOf(request.tsih, parties);
      throw new LoginFailure(exists ? LoginStatus.tooManyConnections : LoginStatus.sessionDoesNotExist);
    }
    const { targetName } = parties;
    const tsih =
      targetName === undefined ? this.#deps.openDiscovery() : await this.#deps.open({ ...parties, targetName });
    const result = { parties, alias: this.#alias, parameters: this.#parameters };
    return { ...this.#reply(request, true, formatTextKeys(answers)), tsih, result };
  }

  #reply(request: LoginRequest, transit: boolean, text: Uint8Array): LoginReply {
    const { currentStage, nextStage } = request;
    return {
      status: LoginStatus.success,
      transit,
      currentStage,
      nextStage: transit ? nextStage : currentStage,
      tsih: 0,
      text,
    };
  }
}

/** Keys that say who is talking; they are read once and never answered. */
const INTRODUCTION: ReadonlySet<string> = new Set(["InitiatorName", "InitiatorAlias", "SessionType", "TargetName"]);

/** An iSCSI name, or nothing; a name that is too long or holds blanks or controls is the initiator's error. */
function nameIn(keys: ReadonlyMap<string, string>, key: string): string | undefined {
  const name = keys.get(key);
  if (name === undefined || name === "") return undefined;
  if (new TextEncoder().encode(name).length > MAX_NAME_LENGTH || /[\s\p{C}]/u.test(name)) {
    throw refused(`${key} is longer than ${MAX_NAME_LENGTH} bytes or holds blanks`);
  }
  return name;
}

function refused(reason: string): LoginFailure {
  return new LoginFailure(LoginStatus.initiatorError, reason);
}

/** What is said of FirstBurstLength is what holds, whichever of the two burst lengths came first (RFC 7143 §13.14). */
function limitFirstBurst(answers: TextKey[], { firstBurstLength }: SessionParameters): void {
  const at = answers.findIndex(([name]) => name === "FirstBurstLength");
  const value = Number(answers[at]?.[1]);
  if (value > firstBurstLength) answers[at] = ["FirstBurstLength", String(firstBurstLength)];
}
