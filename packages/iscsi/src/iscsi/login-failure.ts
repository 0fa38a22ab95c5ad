import { nameOfLoginStatus } from "./login-pdu.ts";
import type { LoginStatus } from "./login-pdu.ts";
import type { TextKey } from "./text-keys.ts";

/** Ends a login with a status other than success. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
  readonly status: LoginStatus;
  /** Keys that go with the status: `TargetAddress` of a redirect. */
  readonly text: readonly TextKey[];

  /** `reason` is for people on our side; the initiator hears the status alone. */
  constructor(status: LoginStatus, reason: string = nameOfLoginStatus(status), text: readonly TextKey[] = []) {
    super(reason);
    this.status = status;
    this.text = text;
  }
}
