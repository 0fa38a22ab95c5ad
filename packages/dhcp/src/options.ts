import { DecodeError, Reader, Writer, concatBytes } from "@ingot/wire";
import { MAX_OPTION_BYTES } from "./limits.ts";
import { OptionCode } from "./option-code.ts";

/**
 * Options by code, each value joined from all its parts (RFC 3396 §7). Codes that this package does not know are kept
 * as bytes and written back unchanged. Neither `pad`, `end` nor `overload` stands in it: they belong to the encoding.
 */
export type OptionMap = ReadonlyMap<number, Uint8Array>;

/**
 * Reads one options area into `into`, appending to values that are already there.
 *
 * ```
 * +------+------+------ … ------+
 * | code | len  |  len bytes    |   code 0 (pad) and 255 (end) stand alone      RFC 2132 §2
 * +------+------+------ … ------+
 * ```
 * Throws `DecodeError`: `truncated` when an option runs past the area, `invalid` when the end option is missing
 * (RFC 2132 §3.2) or a value is longer than `MAX_OPTION_BYTES`.
 */
export function decodeOptionArea(area: Uint8Array, what: string, into: Map<number, Uint8Array>): void {
  const reader = new Reader(area, what);
  while (reader.remaining > 0) {
    const code = reader.u8();
    if (code === OptionCode.pad) continue;
    if (code === OptionCode.end) return;
    const value = reader.bytes(reader.u8());
    const before = into.get(code);
    const joined = before === undefined ? value : concatBytes([before, value]);
    if (joined.length > MAX_OPTION_BYTES) reader.fail(`option ${code} is longer than ${MAX_OPTION_BYTES} bytes`);
    into.set(code, joined);
  }
  throw new DecodeError("invalid", "the end option is missing", { what, offset: area.length });
}

/** One option, or a part of one, as it stands in an area: code, length, value. */
export type OptionPart = Uint8Array;

/**
 * The encoded options in the order they are sent: message type first because some clients look no further,
 * relay agent information last (RFC 3046 §2.1), the others as the map has them. A value over 255 bytes is split
 * into parts under the same code (RFC 3396 §5); an empty value stays one part of length 0.
 */
export function encodeOptionParts(options: OptionMap): OptionPart[] {
  const parts: OptionPart[] = [];
  for (const code of sendingOrder(options)) {
    const value = options.get(code) ?? new Uint8Array();
    let at = 0;
    do {
      const piece = value.subarray(at, at + 255);
      parts.push(new Writer(piece.length + 2).u8(code).u8(piece.length).bytes(piece).finish());
      at += 255;
    } while (at < value.length);
  }
  return parts;
}

function sendingOrder(options: OptionMap): number[] {
  const last: number[] = [];
  const first: number[] = [];
  const rest: number[] = [];
  for (const code of options.keys()) {
    if (code === OptionCode.pad || code === OptionCode.end || code === OptionCode.overload || code < 0 || code > 255) {
      throw new RangeError(`option code ${code} cannot be set by a caller`);
    }
    if (code === OptionCode.messageType) first.push(code);
    else if (code === OptionCode.relayAgentInformation) last.push(code);
    else rest.push(code);
  }
  return [...first, ...rest, ...last];
}
