import { DecodeError } from "./decode-error.ts";
import { bytesFromHex, hexFromBytes } from "./hex.ts";

/** An Ethernet address in its one written form here: `aa:bb:cc:dd:ee:ff`, lower case. */
export type Mac = string & { readonly __brand: "Mac" };

const FORMS: readonly RegExp[] = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/,
  /^[0-9a-f]{12}$/,
];

/**
 * Reads `aa:bb:cc:dd:ee:ff`, `aa-bb-cc-dd-ee-ff`, `aabb.ccdd.eeff` or `aabbccddeeff`, in either case.
 * Throws `DecodeError` `invalid` otherwise.
 */
export function parseMac(text: string): Mac {
  const lower = text.toLowerCase();
  if (!FORMS.some((form) => form.test(lower))) {
    throw new DecodeError("invalid", `got ${JSON.stringify(text)}, expected six bytes like 52:54:00:12:34:56`, {
      what: "MAC address",
      offset: 0,
    });
  }
  return macFromBytes(bytesFromHex(lower.replaceAll(/[^0-9a-f]/g, "")));
}

/** From exactly six bytes. */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) {
    throw new DecodeError("invalid", `got ${bytes.length} bytes, expected 6`, { what: "MAC address", offset: 0 });
  }
  return hexFromBytes(bytes).replaceAll(/(..)(?!$)/g, "$1:") as Mac;
}

/** The six bytes. */
export function macToBytes(mac: Mac): Uint8Array<ArrayBuffer> {
  return bytesFromHex(mac.replaceAll(":", ""));
}
