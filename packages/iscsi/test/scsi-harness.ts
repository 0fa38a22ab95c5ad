import { MemoryDevice } from "./memory-device.ts";
import type { BlockDevice } from "../src/block-device.ts";
import { doneWith, execute } from "../src/scsi/execute.ts";
import type { Done, Execution } from "../src/scsi/execution.ts";
import { LogicalUnit } from "../src/scsi/logical-unit.ts";
import type { Nexus, UnitIdentity } from "../src/scsi/logical-unit.ts";
import { SenseOf } from "../src/scsi/sense.ts";

/** What the units of these tests say of themselves. */
export const IDENTITY: UnitIdentity = {
  id: "disk-1",
  readOnly: false,
  writeCache: true,
  physicalBlockBytes: 4096,
};

/** A session of an initiator port with a unit, at the first target port. */
export function newNexus(name: string, device: BlockDevice, port: Partial<Nexus> = {}): Nexus {
  return {
    name: `${name},t,0x0001`,
    targetName: "iqn.2026-11.org.ingot:disk",
    targetPort: 1,
    targetPortCount: 1,
    device,
    unitAttentions: [],
    abortCommands: () => Promise.resolve(),
    disconnect: () => undefined,
    ...port,
  };
}

/** Another session with the unit, by default with a disk of its own in memory. */
export function join(unit: LogicalUnit, name: string, device: BlockDevice = new MemoryDevice(1_048_576)): Nexus {
  const nexus = newNexus(name, device);
  unit.join(nexus);
  nexus.unitAttentions.length = 0;
  return nexus;
}

/** A unit over 1 MiB of memory with one session. */
export function newUnit(identity: Partial<UnitIdentity> = {}): { unit: LogicalUnit; nexus: Nexus } {
  const unit = new LogicalUnit({ ...IDENTITY, ...identity });
  return { unit, nexus: join(unit, "iqn.a,i,0x1") };
}

/** Runs a command to its end, giving it `data`. */
export async function run(
  unit: LogicalUnit,
  nexus: Nexus,
  cdb: readonly number[],
  data: Uint8Array = new Uint8Array(0),
): Promise<Done> {
  const bytes = new Uint8Array(16);
  bytes.set(cdb);
  const execution: Execution = execute(unit, nexus, bytes, data.length);
  try {
    switch (execution.kind) {
      case "done":
        return execution;
      case "pending":
        return await execution.done;
      case "dataIn": {
        const into = new Uint8Array(execution.length);
        await execution.produce(0, into);
        return { kind: "done", status: 0, data: into };
      }
      case "dataOut":
        await execution.consume(0, data.subarray(0, execution.length));
        await execution.finish(Math.min(data.length, execution.length));
        return { kind: "done", status: 0 };
    }
  } catch (error) {
    return doneWith(error, SenseOf.internalTargetFailure);
  }
}

/** The answer. */
export const hexOf = (done: Done): string => done.data?.toHex() ?? "";
/** Additional sense code and qualifier. */
export const codeOf = (done: Done): string | undefined => done.sense?.code.toString(16).padStart(4, "0");

/** PERSISTENT RESERVE OUT with its 24 bytes. */
export function reserveOut(
  serviceAction: number,
  type: number,
  key: number,
  serviceKey = 0,
): [number[], Uint8Array<ArrayBuffer>] {
  const list = new Uint8Array(24);
  list[7] = key;
  list[15] = serviceKey;
  return [[0x5f, serviceAction, type, 0, 0, 0, 0, 0, 24], list];
}
