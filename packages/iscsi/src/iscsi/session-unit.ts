import type { LogicalUnit, Nexus } from "../scsi/logical-unit.ts";
import type { TaskSet } from "./task-set.ts";

/** The disk side of a normal session. */
export interface SessionUnit {
  readonly unit: LogicalUnit;
  readonly nexus: Nexus;
  /** The order of the unit's commands, shared by all its sessions. */
  readonly taskSet: TaskSet;
}
