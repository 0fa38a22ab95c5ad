import { expect, it } from "vitest";
import { parseDigest } from "./digest.ts";
import { signManifest, verifyManifest, verifySignature } from "./signature.ts";
import { TEST_PUBLIC_KEY, TEST_SIGNER } from "./testing/index.ts";

const ID = parseDigest("ab".repeat(32));

it.each([
  // RFC 8032 §7.1, tests 1 to 3.
  [
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
])("RFC 8032 §7.1: the signature by %s verifies", (publicKey, message, signature) => {
  expect(verifySignature(Uint8Array.fromHex(message), Uint8Array.fromHex(signature), publicKey)).toBe(true);
  expect(verifySignature(Uint8Array.fromHex(`${message}00`), Uint8Array.fromHex(signature), publicKey)).toBe(false);
});

it("signs the text of the format's page and the id in hex", () => {
  const message = new TextEncoder().encode(`ingot manifest v1\n${"ab".repeat(32)}`);
  expect(signManifest(ID, TEST_SIGNER)).toEqual(TEST_SIGNER.sign(message));
  expect(signManifest(ID, TEST_SIGNER)).toHaveLength(64);
});

it("verifies that manifest's signature, by that key, with every bit as it was", () => {
  const signature = signManifest(ID, TEST_SIGNER);
  expect(verifyManifest(ID, signature, TEST_PUBLIC_KEY)).toBe(true);
  expect(verifyManifest(parseDigest("cd".repeat(32)), signature, TEST_PUBLIC_KEY)).toBe(false);
  expect(verifyManifest(ID, signature, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")).toBe(false);
  expect(verifyManifest(ID, TEST_SIGNER.sign(new TextEncoder().encode(ID)), TEST_PUBLIC_KEY)).toBe(false);
  for (let byte = 0; byte < signature.length; byte++) {
    const wrong = signature.slice();
    wrong[byte] = (wrong[byte] ?? 0) ^ (1 << (byte % 8));
    expect(verifyManifest(ID, wrong, TEST_PUBLIC_KEY)).toBe(false);
  }
});

it.each([0, 63, 65, 1000])("%i bytes are no signature", (length) => {
  const bytes = new Uint8Array(length);
  bytes.set(signManifest(ID, TEST_SIGNER).subarray(0, length));
  expect(verifyManifest(ID, bytes, TEST_PUBLIC_KEY)).toBe(false);
});

it.each(["", "d75a", TEST_PUBLIC_KEY.toUpperCase(), `${TEST_PUBLIC_KEY}00`, "zz".repeat(32)])(
  "%j is no public key",
  (publicKey) => {
    expect(() => verifyManifest(ID, new Uint8Array(64), publicKey)).toThrow(
      expect.objectContaining({ code: "invalid-key" }),
    );
  },
);
