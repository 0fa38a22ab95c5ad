import fc from "fast-check";
import { expect, test } from "vitest";
import { LoginFlags, loginRequest } from "../test/initiator.ts";
import { MAX_FIRST_LOGIN_BYTES, readFirstLogin } from "./first-login.ts";

const NAME = "iqn.2026-11.org.ingot:4f2a:boot7";
const request = loginRequest(LoginFlags.operationalToFullFeature, [
  "InitiatorName=iqn.2010-04.org.ipxe:x",
  `TargetName=${NAME}`,
  "SessionType=Normal",
]);

test("the target's name is found as soon as the request is whole, and never before", () => {
  for (let length = 0; length < request.length; length++) {
    const found = readFirstLogin(request.subarray(0, length));
    // Padding is not waited for.
    if (found.kind === "complete") expect([found.targetName, request.length - length < 4]).toEqual([NAME, true]);
  }
  expect(readFirstLogin(request)).toEqual({ kind: "complete", targetName: NAME });
});

test.each([
  ["a discovery session", loginRequest(LoginFlags.operationalToFullFeature, ["SessionType=Discovery"])],
  ["a key that only ends like it", loginRequest(LoginFlags.operationalToFullFeature, ["X-TargetName=iqn.x:y"])],
  ["an empty name", loginRequest(LoginFlags.operationalToFullFeature, ["TargetName="])],
  ["text in place of a login", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")],
  ["a length above the limit", new Uint8Array(48).fill(3, 0, 1).fill(0xff, 5, 8)],
])("%s has no target", (_, bytes) => {
  expect(readFirstLogin(bytes)).toEqual({ kind: "complete", targetName: undefined });
});

test("whatever comes, the answer is there when the limit is reached", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (start) => {
      const bytes = new Uint8Array(MAX_FIRST_LOGIN_BYTES);
      bytes.set(start);
      expect(readFirstLogin(bytes).kind).toBe("complete");
    }),
  );
});
