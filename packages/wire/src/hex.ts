import { DecodeError } from "./decode-error.ts";

const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** Lower-case hex, two characters per byte, no separators. */
export function hexFromBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += HEX_PAIRS[byte];
  return text;
}

/** Reads hex in either case; throws `DecodeError` `invalid` on an odd length or another character. */
export function bytesFromHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0) {
    throw new DecodeError("invalid", `odd number of hex digits (${text.length})`, { what: "hex", offset: text.length });
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const pair = text.slice(i * 2, i * 2 + 2);
    if (!/^[0-9a-fA-F]{2}$/.test(pair)) {
      throw new DecodeError("invalid", `got ${JSON.stringify(pair)}, expected two hex digits`, {
        what: "hex",
        offset: i * 2,
      });
    }
    bytes[i] = Number.parseInt(pair, 16);
  }
  return bytes;
}

/** One new array holding all parts in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
