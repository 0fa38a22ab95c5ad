import { ControlError } from "./errors.ts";
import type { MachineRecord } from "./machine-store.ts";
import type { SessionHandle } from "./session-registry.ts";

/** An iSCSI login that passed authentication. */
export interface DiskLogin {
  /** The target's name, as the initiator gave it. */
  readonly target: string;
  readonly initiator: string;
  /** Six bytes in hexadecimal; its first four say which implementation it is (RFC 7143 §11.12.5). */
  readonly isid?: string | undefined;
  /** Address and port of the initiator. */
  readonly peer: string;
  /** Ends the session from our side; resolves when no more reads or writes of it can come. */
  readonly drop: () => Promise<void>;
}

/** What a login gets. */
export interface LoggedIn<Device> {
  readonly machineId: string;
  readonly bootId: number;
  readonly device: Device;
  readonly session: SessionHandle;
}

/** What a refused login is told. */
export function refusalOf(
  reason: "staleBoot" | "unknownBoot" | "noDisk",
  record: MachineRecord,
  login: DiskLogin,
): ControlError {
  const { name, current_boot } = record.row;
  switch (reason) {
    case "staleBoot":
      return new ControlError(reason, `target ${login.target}: ${name} is in boot ${current_boot} meanwhile`);
    case "unknownBoot":
      return new ControlError(reason, `target ${login.target}: no script has named this boot of ${name}`);
    case "noDisk":
      return new ControlError(reason, `target ${login.target}: no image is set for ${name}`);
  }
}
