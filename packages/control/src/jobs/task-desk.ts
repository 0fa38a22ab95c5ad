import {
  AGENT_LOST_SECONDS,
  type AgentTask,
  type HeartbeatAnswer,
  type HeartbeatRequest,
  type TaskError,
  type TaskImage,
  type TaskReport,
  type TaskReportAnswer,
} from "@ingot/api";
import { timeText } from "../clock.ts";
import { ControlError } from "../errors.ts";
import type { OpenTask, TaskChange } from "./job-book.ts";
import { reasonOf } from "./job-events.ts";
import { readDeployments, type TaskRecord, writeDeployment } from "./job-store.ts";
import type { Jobs, JobsDeps } from "./jobs.ts";
import { isOver, needsSlot, type Presence } from "./schedule.ts";
import { renderTask } from "./task-render.ts";

const leaseMs = AGENT_LOST_SECONDS * 1000;

/** What a machine's agent is told. */
export type Instruction = Pick<HeartbeatAnswer, "task" | "stop" | "notice" | "restart">;

/** What agents do with tasks: get them, report on them, end them. */
export class TaskDesk {
  readonly #deps: Pick<JobsDeps, "db" | "clock" | "inventory">;
  readonly #jobs: Jobs;

  constructor(deps: Pick<JobsDeps, "db" | "clock" | "inventory">, jobs: Jobs) {
    this.#deps = deps;
    this.#jobs = jobs;
  }

  /**
   * A machine's agent says that it is there. Answers what it is to do; the slot of a task that it works on is renewed.
   */
  async heartbeat(machine: string, said: HeartbeatRequest, presence: Presence): Promise<Instruction> {
    const nowMs = this.#deps.clock.now();
    if (said.state === "leaving") return this.#leave(machine);
    this.#jobs.hear(machine, presence);
    const claim = this.#jobs.claimOf(machine);
    // The machine has started its own system in the middle of a task that needs the agent's: it is not at it any more.
    if (claim !== undefined && !canDo(claim, presence)) claim.leaseUntilMs = nowMs;
    if (claim !== undefined && (!needsSlot(claim.record.state) || !canDo(claim, presence)))
      await this.#jobs.reschedule();
    const task = this.#jobs.claimOf(machine);
    if (task !== undefined && !canDo(task, presence)) {
      const { bootNote } = task;
      const restart = this.#jobs.starts.restart(task, said.mayRestart === true);
      if (task.bootNote !== bootNote) await this.#jobs.reschedule();
      return { ...(await this.#withoutSlot(task, said.taskId)), restart };
    }
    if (task === undefined || !needsSlot(task.record.state)) return await this.#withoutSlot(task, said.taskId);
    task.leaseUntilMs = nowMs + leaseMs;
    if (said.taskId === task.record.id) {
      if (said.progress !== undefined) this.#jobs.note(task, said.progress);
      return {};
    }
    const stop = said.taskId === undefined ? undefined : ({ taskId: said.taskId, reason: "cancelled" } as const);
    task.isBeside = presence === "installed";
    return { task: await this.#render(task), stop };
  }

  /** An agent reports on the task that its machine has. @throws ControlError `notFound` for a task that the machine never had. */
  async report(machine: string, presence: Presence, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    this.#jobs.hear(machine, presence);
    const task = this.#jobs.task(taskId);
    // Most reports change nothing but figures: these need no turn.
    const isSame =
      task?.record.machine === machine &&
      task.record.state === report.state &&
      (report.note ?? task.record.note) === task.record.note;
    if (isSame && needsSlot(report.state)) {
      task.leaseUntilMs = this.#deps.clock.now() + leaseMs;
      this.#jobs.note(task, report.progress);
      return {};
    }
    const answer = await this.#jobs.turn(() => this.#report(machine, taskId, report));
    if (!needsSlot(report.state)) await this.#jobs.reschedule();
    return answer;
  }

  /** What a machine's disk is to become. @throws ControlError `conflict` where that is not the machine's task now. */
  captureOf(machine: string, taskId: string): { readonly image: string; readonly comment: string | undefined } {
    const task = this.#jobs.task(taskId);
    const spec = task?.job.record.spec;
    if (task?.record.machine !== machine || spec?.kind !== "capture" || !needsSlot(task.record.state)) {
      throw new ControlError("conflict", `task ${taskId}: no capture that this machine is at`);
    }
    return { image: spec.image, comment: spec.comment ?? `captured from ${task.record.machineName}` };
  }

  /** A machine's disk has become a version of an image: its task is done. */
  async captured(taskId: string, image: TaskImage): Promise<void> {
    await this.#jobs.turn(async () => {
      const task = this.#jobs.task(taskId);
      if (task === undefined || isOver(task.record.state)) return;
      await this.#finish(task, { ...task.current, image, state: "done" });
    });
    await this.#jobs.reschedule();
  }

  /** Ends what a machine has to do with a failure. */
  async fail(machine: string, error: TaskError, which: "begun" | "all" = "begun"): Promise<void> {
    await this.#jobs.turn(async () => {
      for (const task of this.#jobs.tasksOf(machine)) {
        const applies = which === "all" || task.claims;
        if (applies) await this.#finish(task, { ...task.current, state: "failed", error });
      }
    });
    await this.#jobs.reschedule();
  }

  /** A machine is no longer in the inventory. */
  async machineRemoved(machine: string): Promise<void> {
    this.#jobs.forget(machine);
    await this.fail(machine, { code: "machine-removed", message: "the machine was taken out of the inventory" }, "all");
  }

  async #leave(machine: string): Promise<Instruction> {
    this.#jobs.forget(machine);
    const task = this.#jobs.claimOf(machine);
    if (task !== undefined) this.#jobs.starts.left(task);
    if (task === undefined || !needsSlot(task.record.state)) return {};
    task.leaseUntilMs = this.#deps.clock.now();
    await this.#jobs.reschedule();
    return {};
  }

  async #withoutSlot(task: OpenTask | undefined, working: string | undefined): Promise<Instruction> {
    const notice = task?.record.reason;
    if (working === undefined) return { notice };
    const state = this.#jobs.task(working)?.record.state ?? (await this.#rowOf(working))?.state;
    // A capture is done when its image has arrived, which is before its agent knows: that one has still to switch off.
    if (state === "done") return { notice };
    const reason = state === undefined || isOver(state) ? "cancelled" : state === "paused" ? "paused" : "lost";
    return { notice, stop: { taskId: working, reason } };
  }

  async #render(task: OpenTask): Promise<AgentTask> {
    const { machine } = task.record;
    const [record, previous] = await Promise.all([
      this.#deps.inventory.record(machine),
      readDeployments(this.#deps.db, [machine]),
    ]);
    const rendered = renderTask(task.job.record, task.record, record, previous.get(machine));
    // Somebody may be at work there.
    return task.isBeside ? { ...rendered, after: "stay" } : rendered;
  }

  async #report(machine: string, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    const task = this.#jobs.task(taskId);
    if (task === undefined) return this.#reportOver(machine, taskId, report);
    if (task.record.machine !== machine) throw new ControlError("notFound", `task ${taskId}: not of this machine`);
    const isFinal = report.state === "done" || report.state === "failed";
    if (isOver(task.record.state)) return endedAs(task.record, report);
    if (!needsSlot(task.record.state) && !isFinal) {
      await this.#jobs.look();
      if (!needsSlot(task.record.state)) {
        return { stop: { taskId, reason: task.record.state === "paused" ? "paused" : "lost" } };
      }
    }
    const { state, progress, error, note } = report;
    const next: TaskRecord = { ...task.record, progress, error, note: note ?? task.record.note, state };
    if (!isFinal) {
      const leaseUntilMs = this.#deps.clock.now() + leaseMs;
      await this.#jobs.put([{ task, record: this.#reasoned(task, next), claims: true, leaseUntilMs }]);
      return {};
    }
    const isEmptyCapture = state === "done" && task.job.record.kind === "capture";
    const missing = { code: "internal", message: "the agent says that it is done, but no image has arrived" } as const;
    await this.#finish(task, isEmptyCapture ? { ...next, state: "failed", error: missing } : next);
    return {};
  }

  /** A report on a task whose job is over. */
  async #reportOver(machine: string, taskId: string, report: TaskReport): Promise<TaskReportAnswer> {
    const row = await this.#rowOf(taskId);
    if (row?.machine !== machine) throw new ControlError("notFound", `task ${taskId}: not of this machine`);
    return endedAs({ id: taskId, state: row.state }, report);
  }

  /** What is kept of a task whose job is over. */
  async #rowOf(taskId: string): Promise<{ readonly machine: string; readonly state: TaskRecord["state"] } | undefined> {
    const row = await this.#deps.db
      .selectFrom("tasks")
      .select(["machine_id", "state"])
      .where("id", "=", taskId)
      .executeTakeFirst();
    return row && { machine: row.machine_id, state: row.state as TaskRecord["state"] };
  }

  /** Ends a task, with what follows from it for the machine. */
  async #finish(task: OpenTask, next: TaskRecord): Promise<void> {
    const at = timeText(this.#deps.clock.now());
    const { machine, image } = next;
    const { kind, spec } = task.job.record;
    const change: TaskChange = { task, record: this.#reasoned(task, next), claims: false, leaseUntilMs: undefined };
    await this.#jobs.put([change], async (trx) => {
      if (next.state !== "done") return;
      if (kind === "deploy" && image !== undefined) await writeDeployment(trx, machine, image, at);
      if (kind !== "wipe" && !task.isBeside && (spec.after ?? "reboot") !== "stay") {
        await trx.updateTable("machines").set({ next_plan: "local" }).where("id", "=", machine).execute();
      }
    });
  }

  #reasoned(task: OpenTask, next: TaskRecord): TaskRecord {
    const at = timeText(this.#deps.clock.now());
    const changedAt = next.state === task.record.state ? next.changedAt : at;
    return {
      ...next,
      reason: reasonOf(task.job.record, next),
      changedAt,
      ...(isOver(next.state) && { finishedAt: at }),
    };
  }
}

/** Whether a task can be done where the machine's agent runs. */
function canDo(task: OpenTask, presence: Presence): boolean {
  return presence === "ram" || task.job.rules.runsInstalled;
}

/** What an agent hears that reports on a task that is over. */
function endedAs({ id, state }: Pick<TaskRecord, "id" | "state">, report: TaskReport): TaskReportAnswer {
  // Of a capture, figures may still come when its image has arrived.
  const isEnding = state === "done" && needsSlot(report.state);
  return state === report.state || isEnding ? {} : { stop: { taskId: id, reason: "cancelled" } };
}
