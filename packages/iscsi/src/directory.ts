import type { BlockDevice } from "./block-device.ts";
import type { ChapRequirement } from "./iscsi/chap.ts";
import type { SessionCounters } from "./iscsi/session-info.ts";

/** Who wants to log in, where to, and from where. */
export interface LoginParties {
  /** iSCSI name of the initiator; unproved unless `credentials` asked for a proof. */
  readonly initiatorName: string;
  /** Half of the session's name that the initiator chose: 12 hex digits. */
  readonly isid: string;
  /** Absent in a discovery session. */
  readonly targetName?: string;
  /** The initiator's network address. */
  readonly peerAddress: string;
  /** Our address that it connected to, as `address:port` (`[v6]:port`). */
  readonly portal: string;
}

/** A login to a target. */
export interface TargetLogin extends LoginParties {
  readonly targetName: string;
  /**
   * Ends this login, or the session that came of it, from our side; resolves when the device is not used any more and its
   * `closed` is done. Never rejects. Not to be awaited by the `resolve` or the `closed` of the same login: it waits for those.
   */
  end(): Promise<void>;
}

/** Why a login is refused; each has its own status on the wire (RFC 7143 §11.13.5). */
export type RefusalReason =
  /** There is no such target. */
  | "notFound"
  /** This initiator may not use it. */
  | "notAllowed"
  /** There was one, and it will not come back. */
  | "removed"
  /** Not now; the initiator will try again. */
  | "unavailable"
  /** Something of ours broke. */
  | "failed";

/** Where a disk's persistent reservations are kept, so that they survive power loss (APTPL, SPC-4 §5.13.2). */
export interface ReservationStore {
  /** What was saved last, or nothing. Rejects when it cannot be read: the login is then refused, for who may write is unknown. */
  load(): Promise<Uint8Array | undefined>;
  /** Replaces what was saved: after it resolves, a power cut leaves `bytes`; one before that leaves the old or the new whole. */
  save(bytes: Uint8Array): Promise<void>;
}

/** What a target name leads to. */
export type Resolution =
  | {
      readonly kind: "disk";
      /** Opened for this session alone; may be shared with others behind the scenes. */
      readonly device: BlockDevice;
      /** Names the disk for ever: serial number and NAA follow from it. */
      readonly id: string;
      /** Default false. */
      readonly readOnly?: boolean;
      /** Whether a write is stable only after `flush` (default true). False makes every write flush. */
      readonly writeCache?: boolean;
      /** Tell initiators to prefer whole 4 KiB writes (default 4096). */
      readonly physicalBlockBytes?: 512 | 4096;
      /**
       * The disk has come up anew since its initiators knew it, as after a restart of the server: what was written and not flushed may be gone.
       * The session begins with unit attention POWER ON OCCURRED (SAM-5 §6.2). Default false.
       */
      readonly hasPoweredOn?: boolean;
      /** Keeps persistent reservations through power loss; without it a server's end is theirs too. */
      readonly reservations?: ReservationStore;
      /** The session is over and touches the device no more; called exactly once. */
      closed?(counters: SessionCounters): void | Promise<void>;
    }
  | {
      readonly kind: "refused";
      readonly reason: RefusalReason;
      /** In words, for the event; the initiator does not hear it. */
      readonly message?: string;
    }
  /** Login redirect to another portal, `address:port`. */
  | { readonly kind: "moved"; readonly address: string; readonly permanent: boolean };

/** One answer to SendTargets. */
export interface DiscoveredTarget {
  readonly targetName: string;
  /** Portals as `address:port` or `address:port,tag` with their portal group tag; those of this server when absent. */
  readonly portals?: readonly string[];
}

/**
 * The caller's side of the target: which names exist, who may use them, and what is behind them.
 * Calls may run at the same time for different connections. A rejection refuses the login with "failed".
 */
export interface TargetDirectory {
  /** The proof that this login needs; nothing when none is needed or when there is no such target. */
  credentials(parties: LoginParties): Promise<ChapRequirement | undefined>;
  /**
   * Opens what `targetName` stands for; called after the proof was given. An older session of the same initiator port
   * to the same target has been closed, its `closed` awaited, before.
   */
  resolve(login: TargetLogin): Promise<Resolution>;
  /** What a discovery session is told, in this order. */
  list(parties: LoginParties): Promise<readonly DiscoveredTarget[]>;
}
