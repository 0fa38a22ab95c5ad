import type { Machine, Session, SessionFlow } from "@ingot/api";

const MiB = 2 ** 20;

/** Nothing ever went this way. */
export const NO_FLOW: SessionFlow = { bytes: 0, commands: 0, bytesPerSecond: 0, commandsPerSecond: 0 };

/** A session that has done nothing yet, with what `facts` says otherwise. */
export function makeSession(nowMs: number, facts: Partial<Session> & Pick<Session, "id">): Session {
  return {
    initiator: "iqn.1993-08.org.debian:01:5f2c",
    isid: "00023d000001",
    peer: "10.77.0.99",
    portal: "10.77.0.1:3260",
    since: new Date(nowMs - 42_000).toISOString(),
    read: NO_FLOW,
    write: NO_FLOW,
    otherCommands: 14,
    failedCommands: 0,
    openCommands: 0,
    queuedBytes: 0,
    worker: 1,
    ...facts,
  };
}

/** The session of a machine over which goes what its traffic says. `random` gives numbers from 0 to 1. */
export function makeSessionOf(nowMs: number, machine: Machine, random: () => number): Session {
  const { readBytesPerSecond, writtenBytesPerSecond } = machine.traffic;
  const windows = machine.image?.name === "win11-lab";
  const flow = (bytesPerSecond: number, bytes: number, typicalUs: number): SessionFlow => {
    const p50Us = Math.round(typicalUs * (0.6 + random()));
    const moves = bytesPerSecond > 0;
    return {
      bytes: Math.round(bytes),
      commands: Math.round(bytes / 28_000),
      bytesPerSecond,
      commandsPerSecond: Math.round(bytesPerSecond / 2_800) / 10,
      ...(moves && { p50Us, p99Us: Math.round(p50Us * (4 + 40 * random() ** 4)) }),
    };
  };
  return makeSession(nowMs, {
    id: `s-${machine.id}`,
    machine: machine.id,
    machineName: machine.name,
    image: windows ? { name: "win11-lab", version: 7 } : { name: "debian13", version: 3 },
    initiator: windows ? `iqn.1991-05.com.microsoft:${machine.name}` : `iqn.1993-08.org.debian:01:${machine.id}`,
    isid: windows ? "400001370000" : "00023d000001",
    target: `iqn.2026-11.org.ingot:${machine.id}:boot3`,
    peer: machine.address ?? "10.77.0.99",
    since: new Date(nowMs - Math.round(60_000 + random() * 28_000_000)).toISOString(),
    read: flow(readBytesPerSecond, (90 + 160 * random()) * MiB, 160),
    write: flow(writtenBytesPerSecond, 40 * random() * MiB, 420),
    failedCommands: random() < 0.01 ? Math.ceil(random() * 30) : 0,
    openCommands: readBytesPerSecond > 0 ? Math.floor(random() * 12) : 0,
    worker: 1 + Math.floor(random() * 2),
  });
}

/** A small linear congruential generator (Numerical Recipes): the same numbers in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
