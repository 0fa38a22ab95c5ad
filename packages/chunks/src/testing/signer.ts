// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { createPrivateKey, sign } from "node:crypto";
import type { Signer } from "../signature.ts";

/** RFC 8032 §7.1, test 1: a key that everybody knows. */
const SECRET_KEY = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/** Its public half. */
export const TEST_PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/** Signs with a key that everybody knows. */
export const TEST_SIGNER: Signer = {
  sign: (message) => {
    const encode = (hex: string): string =>
      Uint8Array.fromHex(hex).toBase64({ alphabet: "base64url", omitPadding: true });
    const jwk = { kty: "OKP", crv: "Ed25519", d: encode(SECRET_KEY), x: encode(TEST_PUBLIC_KEY) };
    return new Uint8Array(sign(undefined, message, createPrivateKey({ key: jwk, format: "jwk" })));
  },
};
