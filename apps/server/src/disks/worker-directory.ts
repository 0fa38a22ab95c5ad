import type { Overlay } from "@ingot/disks";
import type {
  BlockDevice,
  DiscoveredTarget,
  LoginParties,
  ReservationStore,
  Resolution,
  SessionInfo,
  TargetDirectory,
  TargetLogin,
} from "@ingot/iscsi";
import type { ThreadLink } from "./thread-link.ts";
import type { MainTasks, PassedBytes, WorkerTasks } from "./worker-messages.ts";

/** What {@link WorkerDirectory} works with. */
export interface WorkerDirectoryDeps {
  readonly main: Pick<ThreadLink<WorkerTasks, MainTasks>, "ask">;
  /** A name for a login that no other login has had, also not on another thread. */
  nextId(): string;
  /** The overlay that the main thread has just had opened here. */
  overlayOf(machineId: string): Overlay | undefined;
  /** Where the persistent reservations of a machine's disk are kept. */
  reservationsOf(machineId: string): ReservationStore;
  /** A machine got an I/O error. */
  onDiskFailure(machineId: string, error: unknown): void;
}

interface OpenLogin {
  readonly login: TargetLogin;
  machineId: string | undefined;
}

/**
 * The target's directory on a thread that serves iSCSI: what names there are, who may use them and what a login leads to is
 * decided on the main thread; the disks are on this one.
 */
export class WorkerDirectory implements TargetDirectory {
  readonly #deps: WorkerDirectoryDeps;
  readonly #logins = new Map<string, OpenLogin>();
  /** Machines that had a session on this thread: the first one is told that its disk has powered on. */
  readonly #met = new Set<string>();

  constructor(deps: WorkerDirectoryDeps) {
    this.#deps = deps;
  }

  credentials(parties: LoginParties): ReturnType<TargetDirectory["credentials"]> {
    return this.#deps.main.ask("credentials", parties);
  }

  list(parties: LoginParties): Promise<readonly DiscoveredTarget[]> {
    return this.#deps.main.ask("list", parties);
  }

  async resolve(login: TargetLogin): Promise<Resolution> {
    const { main } = this.#deps;
    const id = this.#deps.nextId();
    const entry: OpenLogin = { login, machineId: undefined };
    this.#logins.set(id, entry);
    const { initiatorName, isid, targetName, peerAddress, portal } = login;
    const parties = { initiatorName, isid, targetName, peerAddress, portal };
    const answer = await main.ask("login", { id, login: parties }).catch((error: unknown) => {
      this.#logins.delete(id);
      throw error;
    });
    if (answer.kind === "refused") {
      this.#logins.delete(id);
      return answer;
    }
    const { machineId } = answer;
    const logOut = async ({ readBytes, writtenBytes }: PassedBytes): Promise<void> => {
      this.#logins.delete(id);
      await main.ask("logout", { id, passed: { readBytes, writtenBytes } });
    };
    const overlay = this.#deps.overlayOf(machineId);
    if (overlay === undefined) {
      await logOut({ readBytes: 0, writtenBytes: 0 });
      throw new Error(`machine ${machineId}: its disk was opened for a login and is not open`);
    }
    entry.machineId = machineId;
    const hasPoweredOn = !this.#met.has(machineId);
    this.#met.add(machineId);
    return {
      kind: "disk",
      device: watched(overlay, (error) => this.#deps.onDiskFailure(machineId, error)),
      id: machineId,
      hasPoweredOn,
      reservations: this.#deps.reservationsOf(machineId),
      closed: logOut,
    };
  }

  /** Ends a login or the session that came of it; resolves when nothing of it runs any more. */
  async end(id: string): Promise<void> {
    await this.#logins.get(id)?.login.end();
  }

  /** Which login a session came of, and whose disk it is on. */
  loginOf(session: SessionInfo): { readonly id: string; readonly machineId: string | undefined } | undefined {
    // Of one initiator port there is one session with a target port at a time (RFC 7143 §6.3.5); the newest login is its.
    for (const [id, { login, machineId }] of [...this.#logins].reverse()) {
      const isSame = (["initiatorName", "isid", "targetName", "portal"] as const).every(
        (key) => login[key] === session[key],
      );
      if (isSame) return { id, machineId };
    }
    return undefined;
  }
}

/** Tells of what fails; answers stay synchronous where the overlay's are. */
function watched(device: Overlay, onFailure: (error: unknown) => void): BlockDevice {
  const failed = (error: unknown): never => {
    onFailure(error);
    throw error;
  };
  const settled = (answer: void | Promise<void>): void | Promise<void> => answer?.catch(failed);
  return {
    sizeBytes: device.sizeBytes,
    read(offset, into) {
      try {
        return settled(device.read(offset, into));
      } catch (error) {
        return failed(error);
      }
    },
    write(offset, bytes) {
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
