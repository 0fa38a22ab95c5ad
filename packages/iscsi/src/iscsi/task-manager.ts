import { SenseOf } from "../scsi/sense.ts";
import type { SessionUnit } from "./session.ts";
import type { Task } from "./task.ts";
import { TaskManagementFunction, TaskManagementResult } from "./task-management.ts";
import type { TaskManagementRequest } from "./task-management.ts";

/** What task management may do to its session. */
export interface TaskManagementDeps {
  /** Absent when the LUN of the request does not exist. */
  readonly unit: SessionUnit | undefined;
  find(initiatorTaskTag: number): Task | undefined;
  /** Whether a command number may still arrive. */
  notYetReceived(cmdSN: number): boolean;
  abort(task: Task): Promise<void> | undefined;
  abortAll(): Promise<void>;
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
  return { result: await run(request, deps), disconnect: request.function === TaskManagementFunction.targetColdReset };
}

async function run(request: TaskManagementRequest, deps: TaskManagementDeps): Promise<TaskManagementResult> {
  const isTargetWide =
    request.function === TaskManagementFunction.targetWarmReset ||
    request.function === TaskManagementFunction.targetColdReset;
  if (deps.unit === undefined && !isTargetWide) return TaskManagementResult.lunDoesNotExist;
  switch (request.function) {
    case TaskManagementFunction.abortTask:
      return abortTask(request, deps);
    case TaskManagementFunction.abortTaskSet:
      await deps.abortAll();
      return TaskManagementResult.complete;
    case TaskManagementFunction.clearTaskSet:
      await clearTaskSet(deps);
      return TaskManagementResult.complete;
    case TaskManagementFunction.logicalUnitReset:
    case TaskManagementFunction.targetWarmReset:
    case TaskManagementFunction.targetColdReset:
      await deps.unit?.unit.reset();
      return TaskManagementResult.complete;
    case TaskManagementFunction.taskReassign:
      return TaskManagementResult.reassignNotSupported;
    default:
      return TaskManagementResult.notSupported;
  }
}

async function abortTask(
  { referencedTaskTag, refCmdSN }: TaskManagementRequest,
  deps: TaskManagementDeps,
): Promise<TaskManagementResult> {
  const task = deps.find(referencedTaskTag);
  if (task !== undefined) {
    await deps.abort(task);
    return TaskManagementResult.complete;
  }
  // A number that is still to come was lost on its way: it counts as aborted (RFC 7143 §11.6.1).
  return deps.notYetReceived(refCmdSN) ? TaskManagementResult.complete : TaskManagementResult.taskDoesNotExist;
}

/** The commands of all initiators; the others are told (SAM-5 §7.4). */
async function clearTaskSet({ unit }: TaskManagementDeps): Promise<void> {
  if (unit === undefined) return;
  unit.unit.attention(SenseOf.commandsClearedByAnotherInitiator, unit.nexus);
  await Promise.all([...unit.unit.nexuses].map((nexus) => nexus.abortCommands()));
}
