import { type JobKind, TASK_STATES, type TaskProgress, type TaskState } from "@ingot/api";
import type { JobBook, OpenTask } from "./job-book.ts";
import { isOver } from "./schedule.ts";

/** What jobs have done since the server started. */
export interface JobTotals {
  readonly openJobs: number;
  /** Tasks of jobs that are not over. */
  readonly tasksByState: Readonly<Record<TaskState, number>>;
  /** Tasks that ended, and how long they took from their first slot to their end. */
  readonly finished: readonly { readonly kind: JobKind; readonly state: TaskState; readonly count: number }[];
  readonly secondsByKind: ReadonlyMap<JobKind, number>;
  readonly bytes: TaskProgress["bytes"];
  readonly hashesVerified: number;
  readonly retries: number;
  readonly errors: number;
  readonly alerts: ReadonlyMap<string, number>;
}

type Sums = Record<keyof TaskProgress["bytes"] | "hashesVerified" | "retries" | "errors", number>;

/** Counts what tasks report. Agents report totals of a task; what is counted here is what came to them while the server looked. */
export class JobMeter {
  readonly #book: JobBook;
  readonly #finished = new Map<string, { kind: JobKind; state: TaskState; count: number }>();
  readonly #seconds = new Map<JobKind, number>();
  readonly #alerts = new Map<string, number>();
  readonly #sums: Sums = { seed: 0, peers: 0, multicast: 0, local: 0, hashesVerified: 0, retries: 0, errors: 0 };

  constructor(book: JobBook) {
    this.#book = book;
  }

  /** A task has newer figures. Figures that have become smaller belong to a new attempt. */
  moved(task: OpenTask, progress: TaskProgress): void {
    const before = task.metered;
    task.metered = progress;
    const add = (key: keyof Sums, now: number, then: number): void => {
      this.#sums[key] += Math.max(0, now - then);
    };
    for (const source of ["seed", "peers", "multicast", "local"] as const)
      add(source, progress.bytes[source], before.bytes[source]);
    for (const figure of ["hashesVerified", "retries", "errors"] as const)
      add(figure, progress[figure], before[figure]);
  }

  /** A task goes from one state into another. */
  entered(task: OpenTask, state: TaskState, nowMs: number): void {
    if (!isOver(state)) return;
    const { kind } = task.job.record;
    const key = `${kind} ${state}`;
    const entry = this.#finished.get(key) ?? { kind, state, count: 0 };
    entry.count += 1;
    this.#finished.set(key, entry);
    if (task.beganMs !== undefined)
      this.#seconds.set(kind, (this.#seconds.get(kind) ?? 0) + (nowMs - task.beganMs) / 1000);
  }

  /** Somebody was told of something. */
  alerted(kind: string): void {
    this.#alerts.set(kind, (this.#alerts.get(kind) ?? 0) + 1);
  }

  /** All figures of now. */
  read(): JobTotals {
    const { seed, peers, multicast, local, ...figures } = this.#sums;
    const tasksByState = Object.fromEntries(TASK_STATES.map((state) => [state, 0])) as Record<TaskState, number>;
    for (const { tasks } of this.#book.jobs) for (const { record } of tasks) tasksByState[record.state] += 1;
    return {
      openJobs: this.#book.jobs.length,
      tasksByState,
      finished: [...this.#finished.values()],
      secondsByKind: this.#seconds,
      bytes: { seed, peers, multicast, local },
      ...figures,
      alerts: this.#alerts,
    };
  }
}
