import type {
  MulticastAnswer,
  MulticastJoin,
  SeedAnswer,
  SeedHeartbeat,
  SwarmJoin,
  SwarmJoinAnswer,
  SwarmReport,
  SwarmReportAnswer,
} from "@ingot/api";

/** Who speaks, as the server knows it and not as it says itself. */
export interface SwarmMember {
  /** SHA-256 of the public key that its connection showed. */
  readonly fingerprint: string;
  /** Where its request comes from. */
  readonly address: string;
  /** The branch it stands in; empty where nobody said. */
  readonly site: string;
  readonly switchName: string | undefined;
}

/** What answers the members of swarms. The agent door only carries the messages. */
export interface SwarmDoor {
  join(manifestId: string, member: SwarmMember, request: SwarmJoin): SwarmJoinAnswer | Promise<SwarmJoinAnswer>;
  report(manifestId: string, member: SwarmMember, request: SwarmReport): SwarmReportAnswer | Promise<SwarmReportAnswer>;
  leave(manifestId: string, fingerprint: string): void | Promise<void>;
  /** A machine lends space and uplink. */
  seed(member: SwarmMember, request: SeedHeartbeat): SeedAnswer | Promise<SeedAnswer>;
  /** MAY answer late: when the session begins, or will not. `signal` fires when the receiver has gone away. */
  multicast(
    manifestId: string,
    member: SwarmMember,
    request: MulticastJoin,
    signal: AbortSignal,
  ): MulticastAnswer | Promise<MulticastAnswer>;
}
