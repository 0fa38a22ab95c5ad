import { Reader, Writer } from "@ingot/wire";

/**
 * Sub-options inside an option: code, length, value (RFC 2132 §8.4). PXE's option 43 may close them with 255 and pad
 * with 0; option 82 does neither, there 0 and 255 are ordinary codes (RFC 3046 §2.0).
 */
export interface SubOptionRules {
  /** Whether 0 is padding and 255 ends the list. */
  readonly padAndEnd: boolean;
}

/** Reads the sub-options of `value`; throws `DecodeError` `truncated`. Values are views. A code that comes twice keeps its last value. */
export function decodeSubOptions(
  value: Uint8Array,
  what: string,
  rules: SubOptionRules,
): ReadonlyMap<number, Uint8Array> {
  const reader = new Reader(value, what);
  const found = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    const code = reader.u8();
    if (rules.padAndEnd && code === 0) continue;
    if (rules.padAndEnd && code === 255) break;
    found.set(code, reader.bytes(reader.u8()));
  }
  return found;
}

/** Writes sub-options in the map's order, closed by 255 where the rules have an end. */
export function encodeSubOptions(subOptions: ReadonlyMap<number, Uint8Array>, rules: SubOptionRules): Uint8Array {
  const writer = new Writer();
  for (const [code, value] of subOptions) writer.u8(code).u8(value.length).bytes(value);
  if (rules.padAndEnd) writer.u8(255);
  return writer.finish();
}
