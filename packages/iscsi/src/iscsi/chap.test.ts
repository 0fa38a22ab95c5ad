import { expect, test } from "vitest";
import { chapResponse, chooseAlgorithm, verifyChap } from "./chap.ts";

const challenge = Uint8Array.from({ length: 16 }, (_, i) => i);

test.each([
  ["5", "698b5123cedc9beb2b3aaf39c0e55fb5"],
  ["6", "389c5cd7a7069d9b152e426f76883bcf2c8f8b41"],
  ["7", "076d476cf046c150191bd9bd2bf53411ebfdc35762febace0a89e5d31288e2a7"],
  ["8", "e3943d4fe22f674c18bfb8559995756eedd47b8f622bed179716409c7b465703"],
])("CHAP_A=%s answers as hashlib does", (algorithm, expected) => {
  expect(chapResponse(algorithm, 0x27, "topsecret1234", challenge).toHex()).toBe(expected);
});

test("the initiator's first known algorithm is taken", () => {
  expect(chooseAlgorithm("6,5")).toBe("6");
  expect(chooseAlgorithm("99,7")).toBe("7");
  expect(chooseAlgorithm("1,2,3")).toBeUndefined();
});

test("an answer counts in hex and in base64, and only with the right name", () => {
  const sent = { algorithm: "5", identifier: 0x27, challenge };
  const requirement = { name: "machine-1", secret: "topsecret1234" };
  const answer = chapResponse("5", 0x27, "topsecret1234", challenge);
  expect(verifyChap(sent, requirement, "machine-1", `0x${answer.toHex()}`)).toBe(true);
  expect(verifyChap(sent, requirement, "machine-1", `0X${answer.toHex().toUpperCase()}`)).toBe(true);
  expect(verifyChap(sent, requirement, "machine-1", `0b${answer.toBase64()}`)).toBe(true);
  expect(verifyChap(sent, requirement, "machine-2", `0x${answer.toHex()}`)).toBe(false);
  expect(verifyChap(sent, requirement, "machine-1", `0x${answer.toHex().slice(2)}`)).toBe(false);
  expect(verifyChap(sent, { ...requirement, secret: "topsecret1235" }, "machine-1", `0x${answer.toHex()}`)).toBe(false);
});
