import type { Clock } from "../clock.ts";
import type { EventLog } from "../event-log.ts";
import type { OpenJob, OpenTask } from "./job-book.ts";
import { imageText, nameOfJob } from "./job-events.ts";
import { isOver } from "./schedule.ts";

/** A machine that is filled more slowly than this is worth a look, in bytes a second. */
const SLOW_BYTES_PER_SECOND: number = 10_000_000;

/** For how long it has to be slow before anybody is told. */
const SLOW_FOR_MS: number = 30_000;

/** A job of which a larger share failed is worth a look. */
const ALERT_FAILED_SHARE: number = 0.05;

/** Looks after tasks that are under way: somebody is told, once, of a machine that is slow and of a job that goes wrong. */
export class TaskWatch {
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #onError: (error: unknown) => void;

  constructor(deps: { readonly clock: Clock; readonly events: EventLog; readonly onError: (error: unknown) => void }) {
    this.#clock = deps.clock;
    this.#events = deps.events;
    this.#onError = deps.onError;
  }

  /** A task has newer figures. */
  moved(task: OpenTask): void {
    const { record, progress, job } = task;
    const isFilling = record.state === "filling" && progress.doneBytes < progress.totalBytes;
    if (!isFilling || progress.bytesPerSecond >= SLOW_BYTES_PER_SECOND || isMeantToBeSlow(job)) {
      task.slowSinceMs = undefined;
      return;
    }
    const nowMs = this.#clock.now();
    task.slowSinceMs ??= nowMs;
    if (task.toldSlow || nowMs - task.slowSinceMs < SLOW_FOR_MS) return;
    task.toldSlow = true;
    const megabytes = (progress.bytesPerSecond / 1e6).toFixed(1);
    this.#events
      .record({
        kind: "task.slow",
        machine: record.machine,
        image: imageText(record.image),
        message: `${nameOfJob(job.record)}: ${record.machineName} gets ${megabytes} MB/s, less than ${SLOW_BYTES_PER_SECOND / 1e6} MB/s for ${SLOW_FOR_MS / 1000} s`,
        data: { job: String(job.record.id), task: record.id, bytesPerSecond: progress.bytesPerSecond },
      })
      .catch(this.#onError);
  }

  /** A task of this job is over. */
  finished(job: OpenJob): void {
    const failed = job.tasks.filter((task) => task.record.state === "failed").length;
    const over = job.tasks.filter((task) => isOver(task.record.state)).length;
    if (job.toldErrors || job.tasks.length < 2 || failed / job.tasks.length <= ALERT_FAILED_SHARE) return;
    job.toldErrors = true;
    this.#events
      .record({
        kind: "job.alert",
        image: imageText(job.record.image),
        message: `${nameOfJob(job.record)}: ${failed} of ${job.tasks.length} machines failed, ${over} are through`,
        data: { job: String(job.record.id), failed, over, machines: job.tasks.length },
      })
      .catch(this.#onError);
  }
}

function isMeantToBeSlow(job: OpenJob): boolean {
  const { spec } = job.record;
  if (spec.kind === "deploy") return (spec.downloadBytesPerSecond ?? Infinity) < SLOW_BYTES_PER_SECOND * 1.1;
  return spec.kind === "capture" && (spec.uploadBytesPerSecond ?? Infinity) < SLOW_BYTES_PER_SECOND * 1.1;
}
