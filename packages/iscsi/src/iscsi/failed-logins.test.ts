import { expect, test } from "vitest";
import { Harness, INITIATOR_NAME, TARGET_NAME } from "../../test/harness.ts";
import { LoginFlags, loginRequest } from "../../test/initiator.ts";
import { FAILED_LOGIN_WINDOW_MS, MAX_FAILED_LOGIN_PEERS, MAX_FAILED_LOGINS } from "../limits.ts";
import { FailedLogins } from "./failed-logins.ts";

/** Status of a login to a target. */
async function logIn(harness: Harness, targetName: string): Promise<number> {
  const connection = harness.connect();
  const names = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${targetName}`];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, names));
  const [reply] = await connection.receive(6);
  return (reply?.words[0] ?? 0) >>> 16;
}

test("an address whose logins fail again and again is told to come later; the directory is not asked any more", async () => {
  let asked = 0;
  const credentials = async (): Promise<undefined> => {
    asked++;
  };
  const harness = new Harness({ directory: { credentials } });
  for (let i = 0; i < MAX_FAILED_LOGINS; i++) expect(await logIn(harness, `${TARGET_NAME}-none`)).toBe(0x0203);
  expect(await logIn(harness, TARGET_NAME)).toBe(0x0301);
  expect(asked).toBe(MAX_FAILED_LOGINS);
  expect(harness.events.at(-1)).toMatchObject({ kind: "refused", reason: "too many failed logins from 10.0.0.9" });
  harness.nowMs += FAILED_LOGIN_WINDOW_MS;
  expect(await logIn(harness, TARGET_NAME)).toBe(0x0000);
});

test("logins that succeed are never counted", async () => {
  const harness = new Harness();
  for (let i = 0; i < 2 * MAX_FAILED_LOGINS; i++) expect(await logIn(harness, TARGET_NAME)).toBe(0x0000);
});

test("only so many addresses are remembered; the oldest goes first", () => {
  const failed = new FailedLogins();
  for (let i = 0; i < MAX_FAILED_LOGINS; i++) failed.note("first", 0);
  expect(failed.isTooMany("first", 1)).toBe(true);
  for (let i = 0; i < MAX_FAILED_LOGIN_PEERS; i++) failed.note(`peer ${i}`, 1);
  expect(failed.isTooMany("first", 2)).toBe(false);
});
