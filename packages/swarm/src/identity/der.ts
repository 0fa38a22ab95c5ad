/** The few tags of X.690 that a certificate needs. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** [0], constructed. */
  context0: 0xa0,
  /** [3], constructed. */
  context3: 0xa3,
} as const;
export type DerTag = (typeof DerTag)[keyof typeof DerTag];

/** One element: tag, shortest definite length, content (X.690 §8.1, §10.1). */
export function derElement(tag: DerTag, ...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const head = [tag, ...derLength(length)];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A non-negative INTEGER of big-endian bytes: no needless zeros in front, one where the top bit is set (X.690 §8.3). */
export function derInteger(magnitude: Uint8Array): Uint8Array<ArrayBuffer> {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : magnitude.subarray(first);
  return derElement(DerTag.integer, (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(), digits);
}

/** An OBJECT IDENTIFIER from its dotted text (X.690 §8.19). */
export function derObjectIdentifier(dotted: string): Uint8Array<ArrayBuffer> {
  const [first = 0, second = 0, ...arcs] = dotted.split(".").map(Number);
  return derElement(DerTag.objectIdentifier, Uint8Array.from([first * 40 + second, ...arcs].flatMap(base128)));
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return derElement(DerTag.bitString, Uint8Array.of(0), bytes);
}

/** Any of the string and time types. */
export function derText(tag: DerTag, text: string): Uint8Array<ArrayBuffer> {
  return derElement(tag, new TextEncoder().encode(text));
}

function derLength(length: number): number[] {
  if (length < 0x80) return [length];
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return [0x80 + digits.length, ...digits];
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(128 + (rest % 128));
  return digits;
}
