import { serialLess } from "@ingot/wire";
import { SenseOf } from "../scsi/sense.ts";
import type { CommandWindow } from "./command-window.ts";
import type { Commands } from "./commands.ts";
import type { EarlyCommands } from "./early-commands.ts";
import type { SessionUnit } from "./session-unit.ts";
import { TaskManagementFunction, TaskManagementResult } from "./task-management.ts";
import type { TaskManagementRequest } from "./task-management.ts";

/** What task management works on. */
export interface TaskManagementDeps {
  /** Absent when the LUN of the request does not exist. */
  readonly unit: SessionUnit | undefined;
  readonly commands: Commands;
  /** Commands behind a gap in CmdSN. */
  readonly early: EarlyCommands;
  readonly window: CommandWindow;
}

/** The answer, and whether all sessions of the target end after it. */
export interface TaskManagementAnswer {
  readonly result: TaskManagementResult;
  readonly disconnect: boolean;
}

/**
 * Carries out a task management function (RFC 7143 §11.5). Commands end at once as far as the initiator can tell; the answer comes
 * when the device is done with them, so that a write can never land after it.
 */
export async function manageTasks(
  request: TaskManagementRequest,
  deps: TaskManagementDeps,
): Promise<TaskManagementAnswer> {
  const result = await run(request, deps);
  const isColdReset = request.function === TaskManagementFunction.targetColdReset;
  return { result, disconnect: isColdReset && result === TaskManagementResult.complete };
}

async function run(request: TaskManagementRequest, deps: TaskManagementDeps): Promise<TaskManagementResult> {
  const isTargetWide =
    request.function === TaskManagementFunction.targetWarmReset ||
    request.function === TaskManagementFunction.targetColdReset;
  if (deps.unit === undefined && !isTargetWide) return TaskManagementResult.lunDoesNotExist;
  const unit = deps.unit ?? deps.commands.unit;
  switch (request.function) {
    case TaskManagementFunction.abortTask:
      return abortTask(request, deps);
    case TaskManagementFunction.abortTaskSet:
      deps.early.abortBefore(request.cmdSN);
      await deps.commands.abortAll();
      return TaskManagementResult.complete;
    case TaskManagementFunction.clearTaskSet:
      deps.early.abortBefore(request.cmdSN);
      await clearTaskSet(unit);
      return TaskManagementResult.complete;
    case TaskManagementFunction.logicalUnitReset:
    case TaskManagementFunction.targetWarmReset:
    case TaskManagementFunction.targetColdReset:
      deps.early.abortBefore(request.cmdSN);
      await unit?.unit.reset();
      return TaskManagementResult.complete;
    case TaskManagementFunction.taskReassign:
      return TaskManagementResult.reassignNotSupported;
    default:
      return TaskManagementResult.notSupported;
  }
}

/** The four cases of RFC 7143 §11.6.1. */
async function abortTask(
  { referencedTaskTag, refCmdSN, cmdSN }: TaskManagementRequest,
  { commands, early, window }: TaskManagementDeps,
): Promise<TaskManagementResult> {
  const task = commands.find(referencedTaskTag);
  if (task !== undefined) {
    await commands.abort(task);
    return TaskManagementResult.complete;
  }
  if (early.abort(referencedTaskTag)) return TaskManagementResult.complete;
  // A number that was given out before and has not come was lost on its way: from now on it counts as come.
  if (window.contains(refCmdSN) && serialLess(refCmdSN, cmdSN)) {
    early.consider(refCmdSN);
    return TaskManagementResult.complete;
  }
  return TaskManagementResult.taskDoesNotExist;
}

/** The commands of all initiators; the others are told (SAM-5 §7.4). */
async function clearTaskSet(unit: SessionUnit | undefined): Promise<void> {
  if (unit === undefined) return;
  unit.unit.attention(SenseOf.commandsClearedByAnotherInitiator, unit.nexus);
  await Promise.all([...unit.unit.nexuses].map((nexus) => nexus.abortCommands()));
}
