import { nameOfLoginStatus } from "./login-pdu.ts";
import type { LoginStatus } from "./login-pdu.ts";
import type { TextKey } from "./text-keys.ts";

/** Ends a login with a status other than success. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
  readonly status: LoginStatus;
  /** Keys that go with the status: `TargetAddress` of a redirect. */
  readonly text: readonly TextKey[];

  constructor(status: LoginStatus, text: readonly TextKey[] = []) {
    super(`login refused: ${nameOfLoginStatus(status)}`);
    this.status = status;
    this.text = text;
  }
}
