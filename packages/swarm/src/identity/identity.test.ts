import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { DerTag, derElement, derInteger, derObjectIdentifier } from "./der.ts";
import { createIdentity, fingerprintOfCertificate, identityOf, isFingerprint } from "./identity.ts";

const directory = mkdtempSync(join(tmpdir(), "ingot-identity-"));
afterAll(() => rmSync(directory, { recursive: true }));

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
  it("has a certificate that openssl reads and verifies", () => {
    const identity = createIdentity("machine 7");
    const path = join(directory, "cert.pem");
    writeFileSync(path, identity.certPem);
    const text = execFileSync("openssl", ["x509", "-in", path, "-noout", "-text"], { encoding: "utf8" });
    expect(text).toContain("Version: 3 (0x2)");
    expect(text).toContain("Subject: CN = machine 7");
    expect(text).toContain("Not After : Dec 31 23:59:59 9999 GMT");
    expect(text).toContain("NIST CURVE: P-256");
    expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
    expect(execFileSync("openssl", ["verify", "-CAfile", path, path], { encoding: "utf8" })).toContain("OK");
  });

  it("has the fingerprint that openssl works out of its key", () => {
    const identity = createIdentity();
    const key = execFileSync("openssl", ["x509", "-noout", "-pubkey"], { input: identity.certPem });
    const spki = execFileSync("openssl", ["pkey", "-pubin", "-outform", "DER"], { input: key });
    const digest = execFileSync("openssl", ["dgst", "-sha256"], { input: spki, encoding: "utf8" });
    expect(digest).toContain(identity.fingerprint);
    expect(fingerprintOfCertificate(identity.certPem)).toBe(identity.fingerprint);
    expect(isFingerprint(identity.fingerprint)).toBe(true);
  });

  it("keeps its fingerprint with its key, and no two are the same", () => {
    const identity = createIdentity();
    expect(identityOf(identity.keyPem).fingerprint).toBe(identity.fingerprint);
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

  it("has integers that openssl reads back", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (magnitude) => {
        const input = derInteger(magnitude);
        const output = execFileSync("openssl", ["asn1parse", "-inform", "DER"], { input, encoding: "utf8" });
        expect(BigInt(`0x${output.split(":").at(-1)?.trim()}`)).toBe(BigInt(`0x${magnitude.toHex()}`));
      }),
      { numRuns: 20 },
    );
  });
});
