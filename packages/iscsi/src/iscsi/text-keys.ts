import { IscsiError } from "../errors.ts";
import { MAX_BINARY_VALUE_BYTES, MAX_KEY_NAME_LENGTH, MAX_TEXT_BYTES, MAX_TEXT_KEYS } from "../limits.ts";

/** One `key=value`, in the order it was sent. */
export type TextKey = readonly [name: string, value: string];

/** Standard-label of RFC 7143 §6.1; `#` and `.` stand in the X- and X# names. */
const KEY_NAME = /^[A-Z][A-Za-z0-9.\-+@_#]*$/;

/**
 * Reads `key=value` pairs that each end with a NUL (RFC 7143 §6.2). Throws `malformedText` on a pair without `=`,
 * a key name that is too long or has other characters, and a key that is there twice; `limitExceeded` on too many.
 */
export function parseTextKeys(bytes: Uint8Array): TextKey[] {
  const text = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true }).decode(bytes);
  const keys: TextKey[] = [];
  const seen = new Set<string>();
  for (const pair of text.split("\0")) {
    // open-iscsi ends its text with padding NULs inside of the data length; libiscsi does the same.
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (equals < 0 || name.length > MAX_KEY_NAME_LENGTH || !KEY_NAME.test(name)) {
      throw new IscsiError("malformedText", `login text: got ${JSON.stringify(pair.slice(0, 80))}, expected Key=value`);
    }
    if (seen.has(name)) throw new IscsiError("malformedText", `login text: ${name} is there twice`);
    seen.add(name);
    keys.push([name, pair.slice(equals + 1)]);
    if (keys.length > MAX_TEXT_KEYS)
      throw new IscsiError("limitExceeded", `login text: more than ${MAX_TEXT_KEYS} keys`);
  }
  return keys;
}

/** The opposite of `parseTextKeys`. */
export function formatTextKeys(keys: readonly TextKey[]): Uint8Array {
  return new TextEncoder().encode(keys.map(([name, value]) => `${name}=${value}\0`).join(""));
}

/** Collects the text of PDUs that are joined by the C bit, up to `MAX_TEXT_BYTES`. */
export class TextCollector {
  #parts: Uint8Array[] = [];
  #length = 0;

  /** Copies `part`; throws `limitExceeded` when the whole grows too long. */
  add(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > MAX_TEXT_BYTES) {
      throw new IscsiError("limitExceeded", `text of more than ${MAX_TEXT_BYTES} bytes`);
    }
    // Not `slice`: that of a Buffer copies nothing.
    this.#parts.push(new Uint8Array(part));
  }

  /** Everything since the last call. */
  take(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#length = 0;
    return whole;
  }
}

/**
 * Reads a binary value: `0x` and hex digits, or `0b` and base64 (RFC 7143 §6.1). Microsoft's test kit uses both.
 * Throws `malformedText` on anything else or on more than `MAX_BINARY_VALUE_BYTES`.
 */
export function parseBinaryValue(value: string): Uint8Array {
  const prefix = value.slice(0, 2).toLowerCase();
  const body = value.slice(2);
  if (body.length > MAX_BINARY_VALUE_BYTES * 2) {
    throw new IscsiError("malformedText", `binary value of ${body.length} characters is too long`);
  }
  if (prefix === "0x" && /^[0-9a-fA-F]+$/.test(body)) {
    return Uint8Array.fromHex(body.length % 2 === 0 ? body : `0${body}`);
  }
  if (prefix === "0b" && /^[A-Za-z0-9+/]+={0,2}$/.test(body) && body.length % 4 === 0) {
    return Uint8Array.fromBase64(body);
  }
  throw new IscsiError("malformedText", "binary value: expected 0x and hex digits or 0b and base64");
}

/** Reads a decimal or `0x` number in `minimum..maximum`; `undefined` when it is none. */
export function parseNumber(value: string, minimum: number, maximum: number): number | undefined {
  if (!/^(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(value)) return undefined;
  const number = Number(value);
  return number >= minimum && number <= maximum ? number : undefined;
}
