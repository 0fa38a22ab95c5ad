import type { Session, SessionFlow } from "@ingot/api";
import { timeText } from "./clock.ts";
import type { SessionMeter } from "./session-meter.ts";
import type { SessionReport } from "./session-report.ts";
import type { Database } from "./tables.ts";

/** What a machine is called, and what its disk is over. */
export type MachineWords = Pick<Session, "machineName" | "image">;

/** How many ids one `IN` list holds. */
const idsPerQuery = 1000;

/** The part of a session that changes. */
export type SessionFigures = Pick<
  Session,
  "read" | "write" | "otherCommands" | "failedCommands" | "openCommands" | "queuedBytes"
>;

/** What changes while a session lives. */
export function figuresOf(report: SessionReport, meter: SessionMeter): SessionFigures {
  return {
    read: meter.read,
    write: meter.write,
    otherCommands: report.otherCommands,
    failedCommands: report.failedCommands,
    openCommands: report.openCommands,
    queuedBytes: report.queuedOutputBytes,
  };
}

/** Whether two figures of one session say the same. */
export function isSame(a: SessionFigures, b: SessionFigures): boolean {
  return (
    a.otherCommands === b.otherCommands &&
    a.failedCommands === b.failedCommands &&
    a.openCommands === b.openCommands &&
    a.queuedBytes === b.queuedBytes &&
    isSameFlow(a.read, b.read) &&
    isSameFlow(a.write, b.write)
  );
}

function isSameFlow(a: SessionFlow, b: SessionFlow): boolean {
  return (
    a.commands === b.commands &&
    a.bytes === b.bytes &&
    a.bytesPerSecond === b.bytesPerSecond &&
    a.commandsPerSecond === b.commandsPerSecond &&
    a.p50Us === b.p50Us &&
    a.p99Us === b.p99Us
  );
}

/** What stays the same while a session lives. */
export function factsOf(report: SessionReport): Omit<Session, keyof SessionFigures> {
  const { id, machineId, initiator, isid, target, peer, portal, startedMs, worker } = report;
  return {
    id,
    ...(machineId !== undefined && { machine: machineId }),
    initiator,
    isid,
    ...(target !== "" && { target }),
    peer,
    portal,
    since: timeText(startedMs),
    worker,
  };
}

/** Reads what machines are called and what their disks are over; machines that are not there are left out. */
export async function readMachineWords(
  db: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, MachineWords>> {
  const words = new Map<string, MachineWords>();
  for (let at = 0; at < ids.length; at += idsPerQuery) {
    const rows = await db
      .selectFrom("machines")
      .leftJoin("disks", "disks.machine_id", "machines.id")
      .select(["machines.id", "machines.name", "disks.image", "disks.version"])
      .where("machines.id", "in", ids.slice(at, at + idsPerQuery))
      .execute();
    for (const { id, name, image, version } of rows) {
      words.set(id, {
        machineName: name,
        ...(image !== null && version !== null && { image: { name: image, version } }),
      });
    }
  }
  return words;
}
