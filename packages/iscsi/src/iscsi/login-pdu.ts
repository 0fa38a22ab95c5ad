import { IscsiError } from "../errors.ts";
import { byteAt, u16At, u32At } from "../bytes.ts";
import { putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

/** Stages of a login (RFC 7143 §11.12.3). */
export const Stage = { security: 0, operational: 1, fullFeature: 3 } as const;
/** One of the values of `Stage`. */
export type Stage = (typeof Stage)[keyof typeof Stage];

const TRANSIT = 0x80;
const CONTINUE = 0x40;

/** The ISID as 12 hex digits: half of what names a session. */
type Isid = string & { readonly __brand: "Isid" };

/**
 * Login Request (RFC 7143 §11.12).
 *
 * ```
 *   0 | .1 0x03 | T C . . CSG NSG | Version-max | Version-min |
 *   4 | TotalAHSLength | DataSegmentLength |
 *   8 | ISID (6) | TSIH (2) |
 *  16 | Initiator Task Tag | CID (2) | Reserved |
 *  24 | CmdSN | ExpStatSN |
 * ```
 */
export interface LoginRequest {
  /** The initiator is ready to leave the stage. */
  readonly transit: boolean;
  /** The text goes on in the next request. */
  readonly more: boolean;
  readonly currentStage: Stage;
  readonly nextStage: Stage;
  readonly versionMax: number;
  readonly versionMin: number;
  /** The six bytes of the ISID as hex. */
  readonly isid: Isid;
  /** 0 asks for a new session. */
  readonly tsih: number;
  readonly cid: number;
  readonly initiatorTaskTag: number;
  readonly cmdSN: number;
}

/** Throws `malformedPdu` on a reserved stage or on T and C together. */
export function decodeLoginRequest(bytes: Uint8Array, at: number): LoginRequest {
  const flags = byteAt(bytes, at + 1);
  const transit = (flags & TRANSIT) !== 0;
  const more = (flags & CONTINUE) !== 0;
  if (transit && more) throw new IscsiError("malformedPdu", "Login Request: T and C are both set");
  const currentStage = stageOf((flags >>> 2) & 3);
  // NSG has no meaning without T (RFC 7143 §11.12.3).
  const nextStage = transit ? stageOf(flags & 3) : currentStage;
  if (transit && nextStage <= currentStage) {
    throw new IscsiError("malformedPdu", `Login Request: asks to go from stage ${currentStage} to ${nextStage}`);
  }
  return {
    transit,
    more,
    currentStage,
    nextStage,
    versionMax: byteAt(bytes, at + 2),
    versionMin: byteAt(bytes, at + 3),
    isid: isidOf(bytes, at + 8),
    tsih: u16At(bytes, at + 14),
    cid: u16At(bytes, at + 20),
    initiatorTaskTag: u32At(bytes, at + 16),
    cmdSN: u32At(bytes, at + 24),
  };
}

function stageOf(value: number): Stage {
  if (value === 2) throw new IscsiError("malformedPdu", "Login Request: stage 2 is reserved");
  return value as Stage;
}

function isidOf(bytes: Uint8Array, at: number): Isid {
  let text = "";
  for (let i = 0; i < 6; i++)
    text += byteAt(bytes, at + i)
      .toString(16)
      .padStart(2, "0");
  return text as Isid;
}

/** Status-Class in the high byte, Status-Detail in the low one (RFC 7143 §11.13.5). */
export const LoginStatus = {
  success: 0x0000,
  targetMovedTemporarily: 0x0101,
  targetMovedPermanently: 0x0102,
  initiatorError: 0x0200,
  authenticationFailure: 0x0201,
  authorizationFailure: 0x0202,
  notFound: 0x0203,
  targetRemoved: 0x0204,
  unsupportedVersion: 0x0205,
  tooManyConnections: 0x0206,
  missingParameter: 0x0207,
  sessionTypeNotSupported: 0x0209,
  sessionDoesNotExist: 0x020a,
  invalidDuringLogin: 0x020b,
  targetError: 0x0300,
  serviceUnavailable: 0x0301,
  outOfResources: 0x0302,
} as const;
/** One of the values of `LoginStatus`. */
export type LoginStatus = (typeof LoginStatus)[keyof typeof LoginStatus];

/** The status's name for logs and events. */
export function nameOfLoginStatus(status: LoginStatus): string {
  return Object.entries(LoginStatus).find(([, value]) => value === status)?.[0] ?? status.toString(16).padStart(4, "0");
}

/**
 * Login Response (RFC 7143 §11.13).
 *
 * ```
 *   0 | 0x23 | T C . . CSG NSG | Version-max | Version-active |
 *   8 | ISID (6) | TSIH (2) |
 *  16 | Initiator Task Tag | Reserved |
 *  24 | StatSN | ExpCmdSN | MaxCmdSN |
 *  36 | Status-Class | Status-Detail |
 * ```
 */
export interface LoginResponse extends Sequence {
  readonly transit: boolean;
  readonly more: boolean;
  readonly currentStage: Stage;
  readonly nextStage: Stage;
  readonly isid: Isid;
  readonly tsih: number;
  readonly initiatorTaskTag: number;
  readonly status: LoginStatus;
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putLoginResponse(bytes: Uint8Array, at: number, pdu: LoginResponse): void {
  const flags =
    (pdu.transit ? TRANSIT : 0) |
    (pdu.more ? CONTINUE : 0) |
    (pdu.currentStage << 2) |
    (pdu.transit ? pdu.nextStage : 0);
  putHeader(bytes, at, TargetOpcode.loginResponse, flags, pdu.dataLength, pdu.initiatorTaskTag, pdu);
  for (let i = 0; i < 6; i++) bytes[at + 8 + i] = Number.parseInt(pdu.isid.slice(i * 2, i * 2 + 2), 16);
  bytes[at + 14] = pdu.tsih >>> 8;
  bytes[at + 15] = pdu.tsih;
  bytes[at + 36] = pdu.status >>> 8;
  bytes[at + 37] = pdu.status;
}
