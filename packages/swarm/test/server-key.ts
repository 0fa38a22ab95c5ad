import { generateKeyPairSync, sign } from "node:crypto";
import type { Signer } from "@ingot/chunks";

/** A server's signing key for one test. */
export interface ServerKey extends Signer {
  /** 64 lower-case hex digits. */
  readonly publicKey: string;
}

/** Makes an Ed25519 key. */
export function makeServerKey(): ServerKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const { x = "" } = publicKey.export({ format: "jwk" });
  return {
    publicKey: Uint8Array.fromBase64(x, { alphabet: "base64url" }).toHex(),
    sign: (message) => new Uint8Array(sign(undefined, message, privateKey)),
  };
}
