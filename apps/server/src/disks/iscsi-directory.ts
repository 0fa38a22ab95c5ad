import { ControlError, type ControlErrorCode, type DiskLogin, type LoggedIn, type SessionHandle } from "@ingot/control";
import type { Overlay } from "@ingot/disks";
import type {
  BlockDevice,
  ChapRequirement,
  DiscoveredTarget,
  LoginParties,
  RefusalReason,
  Resolution,
  TargetDirectory,
  TargetLogin,
} from "@ingot/iscsi";

/** What the directory asks of the control plane's disks. */
interface DiskLogins {
  credentialsOf(target: string): Promise<{ readonly chap?: { user: string; secret: string } | undefined }>;
  login(login: DiskLogin): Promise<LoggedIn<Overlay>>;
  list(query: {
    readonly limit: number;
    readonly after?: string | undefined;
  }): Promise<readonly { readonly target: string; readonly machineName: string }[]>;
}

/** What {@link diskDirectory} joins. */
export interface DiskDirectoryDeps {
  readonly disks: DiskLogins;
  /** A login failed for a reason that is ours. */
  readonly onError: (error: unknown) => void;
  /** A machine got an I/O error. */
  readonly onDiskFailure: (machineId: string, error: unknown) => void;
}

/** Targets that one discovery answers; an initiator that wants more asks for the one it knows. */
const MAX_DISCOVERED_TARGETS = 1000;

/** Where iSCSI and the machines' disks meet: target names lead to overlays, refusals become login statuses. */
export function diskDirectory(deps: DiskDirectoryDeps): TargetDirectory {
  return {
    async credentials(parties: LoginParties): Promise<ChapRequirement | undefined> {
      if (parties.targetName === undefined) return undefined;
      try {
        const { chap } = await deps.disks.credentialsOf(parties.targetName);
        return chap === undefined ? undefined : { name: chap.user, secret: chap.secret };
      } catch (error) {
        // The name is looked up again after this; that refusal then says that there is no such target.
        if (error instanceof ControlError && error.code === "notFound") return undefined;
        throw error;
      }
    },

    async resolve(login: TargetLogin): Promise<Resolution> {
      try {
        const { device, machineId, session } = await deps.disks.login({
          target: login.targetName,
          initiator: login.initiatorName,
          isid: login.isid,
          peer: login.peerAddress,
          drop: () => login.end(),
        });
        return {
          kind: "disk",
          device: watched(device, session, (error) => deps.onDiskFailure(machineId, error)),
          id: machineId,
          closed: () => session.close(),
        };
      } catch (error) {
        if (!(error instanceof ControlError)) deps.onError(error);
        return { kind: "refused", reason: refusalOf(error) };
      }
    },

    async list(): Promise<readonly DiscoveredTarget[]> {
      const disks = await deps.disks.list({ limit: MAX_DISCOVERED_TARGETS });
      return disks.map(({ target }) => ({ targetName: target }));
    },
  };
}

/** What the login is refused with; for the codes that are no answer to a login, something of ours broke. */
const REFUSALS: ReadonlyMap<string, RefusalReason> = new Map<ControlErrorCode, RefusalReason>([
  ["notFound", "notFound"],
  ["staleBoot", "notFound"],
  ["unknownBoot", "notFound"],
  ["noDisk", "notFound"],
  ["busy", "unavailable"],
]);

function refusalOf(error: unknown): RefusalReason {
  return (error instanceof ControlError ? REFUSALS.get(error.code) : undefined) ?? "failed";
}

/** Counts what passes and tells of what fails; answers stay synchronous where the overlay's are. */
function watched(device: Overlay, session: SessionHandle, onFailure: (error: unknown) => void): BlockDevice {
  const failed = (error: unknown): never => {
    onFailure(error);
    throw error;
  };
  const settled = (answer: void | Promise<void>): void | Promise<void> => answer?.catch(failed);
  return {
    sizeBytes: device.sizeBytes,
    read(offset, into) {
      session.countRead(into.length);
      try {
        return settled(device.read(offset, into));
      } catch (error) {
        return failed(error);
      }
    },
    write(offset, bytes) {
      session.countWritten(bytes.length);
      try {
        return settled(device.write(offset, bytes));
      } catch (error) {
        return failed(error);
      }
    },
    flush: () => device.flush().catch(failed),
    discard(offset, length) {
      try {
        return settled(device.discard(offset, length));
      } catch (error) {
        return failed(error);
      }
    },
    isAllocated: (offset) => device.isAllocated(offset),
  };
}
