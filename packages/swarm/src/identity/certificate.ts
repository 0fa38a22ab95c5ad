import { DerTag, derBitString, derElement, derInteger, derObjectIdentifier, derText } from "./der.ts";

/** What goes into a certificate. */
export interface CertificateFacts {
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Uint8Array;
  /** Common name of subject and issuer. */
  readonly name: string;
  /** 1 to 20 bytes, not all zero (RFC 5280 §4.1.2.2). */
  readonly serial: Uint8Array;
  /** Signs with the key of `spki`, ECDSA with SHA-256; the signature in DER. */
  readonly sign: (bytes: Uint8Array) => Uint8Array;
}

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  keyUsage: "2.5.29.15",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** digitalSignature alone, as the bits of KeyUsage (RFC 5280 §4.2.1.3): seven unused bits, the first one set. */
const DIGITAL_SIGNATURE = derElement(DerTag.bitString, Uint8Array.of(7, 0x80));
const TRUE = derElement(DerTag.boolean, Uint8Array.of(0xff));

/**
 * A self-signed X.509 v3 certificate in DER (RFC 5280 §4.1), for both ends of TLS. It is valid from 2000 to the time that stands for "no
 * end" (§4.1.2.5): machines that are being installed often have a wrong clock, and trust comes from the key alone.
 */
export function encodeCertificate(facts: CertificateFacts): Uint8Array<ArrayBuffer> {
  const algorithm = sequence(derObjectIdentifier(OID.ecdsaWithSha256));
  const name = sequence(
    derElement(DerTag.set, sequence(derObjectIdentifier(OID.commonName), derText(DerTag.utf8String, facts.name))),
  );
  const validity = sequence(
    derText(DerTag.utcTime, "000101000000Z"),
    derText(DerTag.generalizedTime, "99991231235959Z"),
  );
  const extensions = sequence(
    sequence(derObjectIdentifier(OID.keyUsage), TRUE, derElement(DerTag.octetString, DIGITAL_SIGNATURE)),
    sequence(
      derObjectIdentifier(OID.extendedKeyUsage),
      derElement(
        DerTag.octetString,
        sequence(derObjectIdentifier(OID.serverAuth), derObjectIdentifier(OID.clientAuth)),
      ),
    ),
  );
  const toBeSigned = sequence(
    derElement(DerTag.context0, derInteger(Uint8Array.of(2))),
    derInteger(facts.serial),
    algorithm,
    name,
    validity,
    name,
    facts.spki,
    derElement(DerTag.context3, extensions),
  );
  return sequence(toBeSigned, algorithm, derBitString(facts.sign(toBeSigned)));
}

function sequence(...content: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return derElement(DerTag.sequence, ...content);
}
