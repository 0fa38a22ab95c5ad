import { MAX_LOGIN_SEGMENT_BYTES } from "./limits.ts";
import { byteAt } from "./bytes.ts";
import { ahsLengthOf, BHS_BYTES, dataSegmentLengthOf, InitiatorOpcode, opcodeOf } from "./iscsi/bhs.ts";

/** What the first bytes of a connection say of where it wants to go. */
export type FirstLogin =
  /** The first request is not complete. */
  | { readonly kind: "incomplete" }
  /** It is, or what came is no login at all; `targetName` is absent in a discovery session and where none can be made out. */
  | { readonly kind: "complete"; readonly targetName: string | undefined };

const MARK = "TargetName=";

/**
 * Looks for the target's name in the first Login Request (RFC 7143 §6.3.1: it is in there), and takes nothing from it that whoever
 * answers the login would not find again: all judging is theirs.
 */
export function readFirstLogin(bytes: Uint8Array): FirstLogin {
  if (bytes.length === 0) return { kind: "incomplete" };
  if (opcodeOf(bytes, 0) !== InitiatorOpcode.login) return UNKNOWN;
  if (bytes.length < BHS_BYTES) return { kind: "incomplete" };
  const length = dataSegmentLengthOf(bytes, 0);
  if (length > MAX_LOGIN_SEGMENT_BYTES) return UNKNOWN;
  const textAt = BHS_BYTES + ahsLengthOf(bytes, 0);
  if (bytes.length < textAt + length) return { kind: "incomplete" };
  return { kind: "complete", targetName: findName(bytes, textAt, textAt + length) };
}

/** The most bytes for which the answer may be `incomplete`. */
export const MAX_FIRST_LOGIN_BYTES: number = BHS_BYTES + 255 * 4 + MAX_LOGIN_SEGMENT_BYTES;

const UNKNOWN: FirstLogin = { kind: "complete", targetName: undefined };

/** The value of the key, whose pair stands at the start of the text or after a NUL. */
function findName(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (let at = from; at < to; at++) {
    if (at > from && byteAt(bytes, at - 1) !== 0) continue;
    if (!startsWithMark(bytes, at, to)) continue;
    const end = bytes.indexOf(0, at);
    const value = bytes.subarray(at + MARK.length, end < 0 || end > to ? to : end);
    return value.length === 0 ? undefined : new TextDecoder().decode(value);
  }
  return undefined;
}

function startsWithMark(bytes: Uint8Array, at: number, to: number): boolean {
  if (at + MARK.length > to) return false;
  for (let i = 0; i < MARK.length; i++) if (byteAt(bytes, at + i) !== MARK.charCodeAt(i)) return false;
  return true;
}
