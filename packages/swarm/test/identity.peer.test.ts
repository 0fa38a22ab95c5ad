import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { derInteger } from "../src/identity/der.ts";
import { createIdentity } from "../src/identity/identity.ts";

const hasOpenssl = process.env["CI"] !== undefined || spawnSync("openssl", ["version"]).error === undefined;

function openssl(args: readonly string[], input?: Uint8Array | string): Buffer {
  const { status, stdout, stderr } = spawnSync("openssl", args, { input });
  expect([status, stderr.toString()]).toEqual([0, expect.any(String)]);
  return stdout;
}

const directory = mkdtempSync(join(tmpdir(), "ingot-identity-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe.skipIf(!hasOpenssl)("an identity beside openssl (skipped without openssl)", () => {
  it("has a certificate that openssl reads and verifies", () => {
    const identity = createIdentity("machine 7");
    const path = join(directory, "cert.pem");
    writeFileSync(path, identity.certPem);
    const text = openssl(["x509", "-in", path, "-noout", "-text"]).toString();
    expect(text).toContain("Version: 3 (0x2)");
    expect(text).toContain("Subject: CN = machine 7");
    expect(text).toContain("Not After : Dec 31 23:59:59 9999 GMT");
    expect(text).toContain("NIST CURVE: P-256");
    expect(text).toContain("TLS Web Server Authentication, TLS Web Client Authentication");
    expect(openssl(["verify", "-CAfile", path, path]).toString()).toContain("OK");
  });

  it("has the fingerprint that openssl works out of its key", () => {
    const identity = createIdentity();
    const key = openssl(["x509", "-noout", "-pubkey"], identity.certPem);
    const spki = openssl(["pkey", "-pubin", "-outform", "DER"], key);
    const digest = openssl(["dgst", "-sha256"], spki).toString();
    expect(digest).toContain(identity.fingerprint);
  });

  it("has integers that openssl reads back", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 20 }), (magnitude) => {
        const input = derInteger(magnitude);
        const output = openssl(["asn1parse", "-inform", "DER"], input).toString();
        expect(BigInt(`0x${output.split(":").at(-1)?.trim()}`)).toBe(BigInt(`0x${magnitude.toHex()}`));
      }),
      { numRuns: 20 },
    );
  });
});
