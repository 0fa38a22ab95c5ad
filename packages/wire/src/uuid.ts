import { DecodeError } from "./decode-error.ts";
import { bytesFromHex, hexFromBytes } from "./hex.ts";

/** A UUID in its text form, lower case: `4c4c4544-0032-3310-8052-b7c04f4e4a32`. */
export type Uuid = string & { readonly __brand: "Uuid" };

const TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Reads the text form in either case (RFC 9562 §4). */
export function parseUuid(text: string): Uuid {
  const lower = text.toLowerCase();
  if (!TEXT.test(lower)) {
    throw new DecodeError("invalid", `got ${JSON.stringify(text)}, expected 8-4-4-4-12 hex digits`, {
      what: "UUID",
      offset: 0,
    });
  }
  return lower as Uuid;
}

/** From 16 bytes in network order (RFC 9562 §4). */
export function uuidFromBytes(bytes: Uint8Array): Uuid {
  if (bytes.length !== 16) {
    throw new DecodeError("invalid", `got ${bytes.length} bytes, expected 16`, { what: "UUID", offset: 0 });
  }
  const hex = hexFromBytes(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-") as Uuid;
}

/** From 16 bytes as SMBIOS and PXE option 97 store them: the first three fields little-endian (SMBIOS 3.7 §7.2.1). */
export function uuidFromSmbiosBytes(bytes: Uint8Array): Uuid {
  // Not slice(): of a Buffer that is a view, and the packet itself would be turned round.
  const swapped = new Uint8Array(bytes);
  swapped.subarray(0, 4).reverse();
  swapped.subarray(4, 6).reverse();
  swapped.subarray(6, 8).reverse();
  return uuidFromBytes(swapped);
}

/** The 16 bytes in network order. */
export function uuidToBytes(uuid: Uuid): Uint8Array<ArrayBuffer> {
  return bytesFromHex(uuid.replaceAll("-", ""));
}
