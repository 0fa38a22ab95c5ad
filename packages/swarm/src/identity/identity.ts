// oxlint-disable-next-line import/no-nodejs-modules -- computes, does no I/O
import { X509Certificate, createPrivateKey, createPublicKey, generateKeyPairSync, hash, sign } from "node:crypto";
import { encodeCertificate } from "./certificate.ts";

/** A key pair and the self-signed certificate that TLS wants around it. Only the fingerprint says who somebody is. */
export interface Identity {
  /** PKCS #8, unencrypted: a secret. */
  readonly keyPem: string;
  readonly certPem: string;
  /** SHA-256 of the certificate's SubjectPublicKeyInfo, in lower-case hex. */
  readonly fingerprint: string;
}

const SERIAL_BYTES = 16;
const TEXT = /^[0-9a-f]{64}$/;

/** Whether the text has the form of a fingerprint. */
export function isFingerprint(text: string): boolean {
  return TEXT.test(text);
}

/** The fingerprint of a SubjectPublicKeyInfo in DER. */
export function fingerprintOf(spki: Uint8Array): string {
  return hash("sha256", spki, "hex");
}

/** The fingerprint of the key in a certificate (DER or PEM), as TLS gives it for the other side. */
export function fingerprintOfCertificate(certificate: Uint8Array | string): string {
  const { publicKey } = new X509Certificate(certificate);
  return fingerprintOf(publicKey.export({ type: "spki", format: "der" }));
}

/** Makes a new P-256 key and its certificate. `name` is for people who look at it; nobody relies on it. */
export function createIdentity(name = "ingot"): Identity {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return identityOf(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), name);
}

/** The identity of a P-256 key that was kept. The certificate is new, the fingerprint the same. Throws for any other key. */
export function identityOf(keyPem: string, name = "ingot"): Identity {
  const key = createPrivateKey(keyPem);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (curve !== "prime256v1") {
    throw new TypeError(`key of type ${key.asymmetricKeyType}, curve ${curve}: expected P-256`);
  }
  const spki = createPublicKey(key).export({ type: "spki", format: "der" });
  const certificate = encodeCertificate({
    spki,
    name,
    // A number that is the key's own needs no source of randomness.
    serial: hash("sha256", spki, "buffer").subarray(0, SERIAL_BYTES),
    sign: (bytes) => sign("sha256", bytes, { key, dsaEncoding: "der" }),
  });
  const lines = certificate.toBase64().replaceAll(/.{1,64}/g, "$&\n");
  const certPem = `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
  return { keyPem, certPem, fingerprint: fingerprintOf(spki) };
}
