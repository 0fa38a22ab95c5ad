import type { JoinAnswer, JoinRequest, ReportAnswer, ReportRequest, TrackerClient } from "./node/tracker-client.ts";
import { type MemberStatus, type TrackedPeer, TrackedSwarm, type TrackerServiceOptions } from "./tracked-swarm.ts";

/** Answers the peers of all swarms. Keeps nothing that must not be lost: after a restart the peers hear that they are unknown, and join again. */
export class TrackerService {
  readonly #options: TrackerServiceOptions;
  readonly #swarms = new Map<string, TrackedSwarm>();

  constructor(options: TrackerServiceOptions) {
    this.#options = options;
  }

  /** A peer joins, or joins again. */
  join(swarm: string, peer: TrackedPeer, request: JoinRequest): JoinAnswer {
    let found = this.#swarms.get(swarm);
    if (found === undefined) {
      found = new TrackedSwarm(swarm, this.#options);
      this.#swarms.set(swarm, found);
    }
    return found.join(peer, request);
  }

  /** A peer reports. */
  report(swarm: string, peer: TrackedPeer, request: ReportRequest): ReportAnswer {
    return this.#swarms.get(swarm)?.report(peer, request) ?? { state: "unknown" };
  }

  /** A peer goes. Nothing happens when it is not known. */
  leave(swarm: string, fingerprint: string): void {
    this.#swarms.get(swarm)?.leave(fingerprint, "left");
    this.#forgetEmpty();
  }

  /** Lets go of peers that have been silent for long. To be called every few seconds. */
  sweep(): void {
    for (const swarm of this.#swarms.values()) swarm.sweep();
    this.#forgetEmpty();
  }

  /** The members of a swarm; empty for one that does not exist. */
  membersOf(swarm: string): readonly MemberStatus[] {
    return this.#swarms.get(swarm)?.members() ?? [];
  }

  /** Manifest ids of the swarms that have members. */
  get swarms(): readonly string[] {
    return [...this.#swarms.keys()];
  }

  /** The way to this tracker for a peer in the same process. */
  clientFor(swarm: string, peer: TrackedPeer): TrackerClient {
    return {
      join: async (request) => this.join(swarm, peer, request),
      report: async (request) => this.report(swarm, peer, request),
      leave: async () => this.leave(swarm, peer.fingerprint),
    };
  }

  #forgetEmpty(): void {
    for (const [id, swarm] of this.#swarms) if (swarm.isForgettable) this.#swarms.delete(id);
  }
}
