import { byteAt, putU32, u32At } from "../bytes.ts";
import { FINAL, putHeader, TargetOpcode } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";

const CONTINUE = 0x40;

/**
 * Text Request (RFC 7143 §11.10).
 *
 * ```
 *   0 | .I 0x04 | F C | Reserved |
 *   8 | LUN |
 *  16 | Initiator Task Tag | Target Transfer Tag |
 *  24 | CmdSN | ExpStatSN |
 * ```
 */
export interface TextRequest {
  readonly final: boolean;
  /** The text goes on in the next request. */
  readonly more: boolean;
  readonly initiatorTaskTag: number;
  /** `NO_TAG` starts a new negotiation; otherwise the tag of our last response. */
  readonly targetTransferTag: number;
}

/** Reads the 48-byte header at `at`; whether its flags make sense together is for the caller to find. */
export function decodeTextRequest(bytes: Uint8Array, at: number): TextRequest {
  const flags = byteAt(bytes, at + 1);
  return {
    final: (flags & FINAL) !== 0,
    more: (flags & CONTINUE) !== 0,
    initiatorTaskTag: u32At(bytes, at + 16),
    targetTransferTag: u32At(bytes, at + 20),
  };
}

/** Text Response (RFC 7143 §11.11): like the request, with StatSN, ExpCmdSN and MaxCmdSN from byte 24. */
export interface TextResponse extends Sequence {
  readonly final: boolean;
  readonly more: boolean;
  readonly initiatorTaskTag: number;
  readonly targetTransferTag: number;
  readonly dataLength: number;
}

/** Writes the 48-byte header at `at`. */
export function putTextResponse(bytes: Uint8Array, at: number, pdu: TextResponse): void {
  const flags = (pdu.final ? FINAL : 0) | (pdu.more ? CONTINUE : 0);
  putHeader(bytes, at, TargetOpcode.textResponse, flags, pdu.dataLength, pdu.initiatorTaskTag, pdu);
  putU32(bytes, at + 20, pdu.targetTransferTag);
}
