import {
  MAX_BURST_BYTES,
  MAX_DATA_SEGMENT_BYTES,
  MAX_FIRST_BURST_BYTES,
  MAX_LOGIN_SEGMENT_BYTES,
  MAX_OUTSTANDING_R2T,
} from "../limits.ts";
import { parseNumber } from "./text-keys.ts";

/** What both sides agreed on; starts with the defaults of RFC 7143 §13. */
export interface SessionParameters {
  headerDigest: boolean;
  dataDigest: boolean;
  initialR2T: boolean;
  immediateData: boolean;
  /** The most that one PDU to the initiator may carry, in bytes: declared by the initiator. */
  maxSendDataSegmentLength: number;
  maxBurstLength: number;
  firstBurstLength: number;
  maxOutstandingR2T: number;
  defaultTime2Wait: number;
  defaultTime2Retain: number;
}

/** RFC 7143 §13: what holds as long as nothing was said. */
export function defaultParameters(): SessionParameters {
  return {
    headerDigest: false,
    dataDigest: false,
    initialR2T: true,
    immediateData: true,
    maxSendDataSegmentLength: MAX_LOGIN_SEGMENT_BYTES,
    maxBurstLength: 262_144,
    firstBurstLength: 65_536,
    maxOutstandingR2T: 1,
    defaultTime2Wait: 2,
    defaultTime2Retain: 20,
  };
}

const LARGEST_SEGMENT = 0xff_ffff;

/**
 * How one key is answered. `undefined` for an answer means that the key is declared, not negotiated: nothing is said back.
 * `Reject` is said only to a value that the key's type does not allow; iPXE ends its login on any `Reject`, and its own
 * values are all valid.
 */
type Rule = (value: string, parameters: SessionParameters) => string | undefined;

const RULES: Readonly<Record<string, Rule>> = {
  HeaderDigest: (value, p) => digest(value, (on) => (p.headerDigest = on)),
  DataDigest: (value, p) => digest(value, (on) => (p.dataDigest = on)),
  MaxConnections: (value) => numeric(value, 1, 65_535, (offered) => Math.min(offered, 1)),
  InitialR2T: (value, p) => boolean(value, (offered) => (p.initialR2T = offered)),
  ImmediateData: (value, p) => boolean(value, (offered) => (p.immediateData = offered)),
  MaxRecvDataSegmentLength: (value, p) => {
    const declared = parseNumber(value, 512, LARGEST_SEGMENT);
    if (declared === undefined) return "Reject";
    p.maxSendDataSegmentLength = declared;
    return undefined;
  },
  MaxBurstLength: (value, p) =>
    numeric(
      value,
      512,
      LARGEST_SEGMENT,
      (offered) => (p.maxBurstLength = wholeBlocks(Math.min(offered, MAX_BURST_BYTES))),
    ),
  FirstBurstLength: (value, p) =>
    numeric(
      value,
      512,
      LARGEST_SEGMENT,
      (offered) => (p.firstBurstLength = wholeBlocks(Math.min(offered, MAX_FIRST_BURST_BYTES))),
    ),
  DefaultTime2Wait: (value, p) => numeric(value, 0, 3600, (offered) => (p.defaultTime2Wait = Math.max(offered, 0))),
  // 0: nothing is kept of a session whose connection is gone, because ErrorRecoveryLevel is 0.
  DefaultTime2Retain: (value, p) => numeric(value, 0, 3600, () => (p.defaultTime2Retain = 0)),
  MaxOutstandingR2T: (value, p) =>
    numeric(value, 1, 65_535, (offered) => (p.maxOutstandingR2T = Math.min(offered, MAX_OUTSTANDING_R2T))),
  DataPDUInOrder: (value) => boolean(value, () => true),
  DataSequenceInOrder: (value) => boolean(value, () => true),
  ErrorRecoveryLevel: (value) => numeric(value, 0, 2, () => 0),
  // RFC 3720 keys that libiscsi still sends; markers were never deployed and RFC 7143 §13.25 took them out.
  IFMarker: (value) => boolean(value, () => false),
  OFMarker: (value) => boolean(value, () => false),
  IFMarkInt: () => "Irrelevant",
  OFMarkInt: () => "Irrelevant",
  TaskReporting: () => "RFC3720",
  iSCSIProtocolLevel: (value) => numeric(value, 0, 31, (offered) => Math.min(offered, 1)),
  InitiatorAlias: () => undefined,
};

/** Keys that mean nothing in a discovery session (RFC 7143 §13, "irrelevant when SessionType=Discovery"). */
const LEADING_ONLY_NORMAL: ReadonlySet<string> = new Set([
  "MaxConnections",
  "InitialR2T",
  "ImmediateData",
  "MaxBurstLength",
  "FirstBurstLength",
  "MaxOutstandingR2T",
  "DataPDUInOrder",
  "DataSequenceInOrder",
]);

/**
 * Answers one operational key and changes `parameters` accordingly (RFC 7143 §6.2 and §13).
 * Returns the value to send back: the result, `Reject`, `Irrelevant`, `NotUnderstood`, or nothing for a declaration.
 */
export function negotiate(
  name: string,
  value: string,
  parameters: SessionParameters,
  discovery: boolean,
): string | undefined {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (rule === undefined) return "NotUnderstood";
  if (discovery && LEADING_ONLY_NORMAL.has(name)) return "Irrelevant";
  return rule(value, parameters);
}

/** What we declare by ourselves as soon as operational keys are spoken of. */
export const DECLARED_SEGMENT_LENGTH: string = String(MAX_DATA_SEGMENT_BYTES);

/** After all keys: FirstBurstLength must not be above MaxBurstLength (RFC 7143 §13.14). */
export function settle(parameters: SessionParameters): void {
  parameters.firstBurstLength = Math.min(parameters.firstBurstLength, parameters.maxBurstLength);
}

/** Both burst lengths are minima, so we may offer less: then every burst but the last is made of whole blocks. */
function wholeBlocks(length: number): number {
  return length - (length % 512);
}

/** The first of the initiator's list that we know: its order is its preference (RFC 7143 §6.2.1). */
function digest(value: string, apply: (on: boolean) => void): string {
  const chosen = value.split(",").find((method) => method === "None" || method === "CRC32C");
  if (chosen === undefined) return "Reject";
  apply(chosen === "CRC32C");
  return chosen;
}

function boolean(value: string, result: (offered: boolean) => boolean): string {
  if (value !== "Yes" && value !== "No") return "Reject";
  return result(value === "Yes") ? "Yes" : "No";
}

function numeric(value: string, minimum: number, maximum: number, result: (offered: number) => number): string {
  const offered = parseNumber(value, minimum, maximum);
  return offered === undefined ? "Reject" : String(result(offered));
}
