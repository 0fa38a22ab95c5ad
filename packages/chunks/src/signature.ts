// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { createPublicKey, verify } from "node:crypto";
import type { Digest } from "./digest.ts";
import { ChunkError } from "./errors.ts";

/** Bytes of an Ed25519 signature (RFC 8032 §5.1.6). */
export const SIGNATURE_BYTES = 64;

/** What a signed manifest's id stands behind (docs/formats/signature.md, "Message"). */
const CONTEXT = "ingot manifest v1\n";

const PUBLIC_KEY = /^[0-9a-f]{64}$/;

/** Signs. `SigningKey` does. */
export interface Signer {
  /** Ed25519 over the bytes; 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** The signature of a manifest, 64 bytes (docs/formats/signature.md). */
export function signManifest(id: Digest, key: Signer): Uint8Array {
  return key.sign(messageOf(id));
}

/** Whether `signature` is that of a manifest by `publicKey` (64 lower-case hex digits). Throws `ChunkError` `invalid-key`. */
export function verifyManifest(id: Digest, signature: Uint8Array, publicKey: string): boolean {
  return verifySignature(messageOf(id), signature, publicKey);
}

/**
 * Whether `signature` is that of a message by an Ed25519 key (64 lower-case hex digits). A signature of any other length is not. Throws
 * `ChunkError` `invalid-key`.
 */
export function verifySignature(message: Uint8Array, signature: Uint8Array, publicKey: string): boolean {
  if (!PUBLIC_KEY.test(publicKey)) {
    const got = JSON.stringify(publicKey.slice(0, 80));
    throw new ChunkError("invalid-key", `public key: got ${got}, expected 64 lower-case hex digits`);
  }
  const x = Uint8Array.fromHex(publicKey).toBase64({ alphabet: "base64url", omitPadding: true });
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  return signature.length === SIGNATURE_BYTES && verify(undefined, message, key, signature);
}

function messageOf(id: Digest): Uint8Array {
  return new TextEncoder().encode(`${CONTEXT}${id}`);
}
