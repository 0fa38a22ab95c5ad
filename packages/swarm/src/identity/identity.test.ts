import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DerTag, derElement, derInteger, derObjectIdentifier } from "./der.ts";
import { createIdentity, fingerprintOfCertificate, identityOf, isFingerprint } from "./identity.ts";

describe("DER", () => {
  it("writes lengths in their shortest form (X.690 §8.1.3, §10.1)", () => {
    expect(derElement(DerTag.octetString, new Uint8Array(3)).toHex()).toBe("0403000000");
    expect(derElement(DerTag.octetString, new Uint8Array(0x80)).subarray(0, 3).toHex()).toBe("048180");
    expect(derElement(DerTag.octetString, new Uint8Array(0x1234)).subarray(0, 4).toHex()).toBe("04821234");
  });

  it("writes integers without needless bytes and never negative (X.690 §8.3)", () => {
    expect(derInteger(Uint8Array.of(0, 0, 5)).toHex()).toBe("020105");
    expect(derInteger(Uint8Array.of(0x80)).toHex()).toBe("02020080");
    expect(derInteger(Uint8Array.of(0, 0)).toHex()).toBe("020100");
  });

  it("writes the object identifier of X.690 §8.19.5", () => {
    expect(derObjectIdentifier("2.999.3").toHex()).toBe("0603883703");
  });
});

describe("an identity", () => {
  it("keeps its fingerprint with its key, and no two are the same", () => {
    const identity = createIdentity();
    expect(identityOf(identity.keyPem).fingerprint).toBe(identity.fingerprint);
    expect(fingerprintOfCertificate(identity.certPem)).toBe(identity.fingerprint);
    expect(isFingerprint(identity.fingerprint)).toBe(true);
    expect(createIdentity().fingerprint).not.toBe(identity.fingerprint);
  });

  it.each([
    ["another curve", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["another kind of key", generateKeyPairSync("ed25519")],
  ])("is not made of %s", (_name, { privateKey }) => {
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    expect(() => identityOf(pem)).toThrow(TypeError);
  });

  it.each(["", "00", "g".repeat(64), "A".repeat(64), "0".repeat(65)])("fingerprints look different from %j", (text) => {
    expect(isFingerprint(text)).toBe(false);
  });
});
