// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { hash } from "node:crypto";
import { DecodeError } from "@ingot/wire";

/** A SHA-256 as 64 lower-case hex digits. */
export type Digest = string & { readonly __brand: "Digest" };

const TEXT = /^[0-9a-f]{64}$/;

/** Bytes of a SHA-256. */
export const DIGEST_BYTES = 32;

/** Reads 64 lower-case hex digits; throws `DecodeError` `invalid` on anything else. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new DecodeError("invalid", `got ${JSON.stringify(text.slice(0, 80))}, expected 64 lower-case hex digits`, {
      what: "digest",
      offset: 0,
    });
  }
  return text;
}

/** Whether the text is a digest. */
export function isDigest(text: string): text is Digest {
  return TEXT.test(text);
}

/** The digest in its 32 bytes. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  return bytes.toHex() as Digest;
}

/** SHA-256 of the bytes (about 1.3 GB/s with the processor's SHA instructions). */
export function sha256(bytes: Uint8Array): Digest {
  return hash("sha256", bytes, "hex") as Digest;
}
