import type { JobAlert } from "@ingot/api";
import { type Clock, timeText } from "../clock.ts";
import type { EventLog } from "../event-log.ts";
import { MAX_JOB_ALERTS } from "../limits.ts";
import type { OpenJob, OpenTask } from "./job-book.ts";
import { imageText, nameOfJob } from "./job-events.ts";
import type { ServerSettings } from "../server-settings.ts";
import type { JobMeter } from "./job-meter.ts";
import { isOver } from "./schedule.ts";

/** For how long a machine has to be slow before anybody is told. */
const SLOW_FOR_MS: number = 30_000;

/** A link is expected to bring this share of what it could: others use it, and a swarm sends as much as it receives. */
const SHARE_OF_LINK: number = 0.4;

/** What {@link TaskWatch} works with. */
interface TaskWatchDeps {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly meter: JobMeter;
  /** What is worth a look, as operators have set it. */
  readonly settings: ServerSettings;
  readonly onError: (error: unknown) => void;
}

/** Looks after tasks that are under way: somebody is told, once, of a machine that is slow and of a job that goes wrong. */
export class TaskWatch {
  readonly #deps: TaskWatchDeps;
  /** What the links of each machine could bring, in bytes a second. */
  readonly #links = new Map<string, number>();

  constructor(deps: TaskWatchDeps) {
    this.#deps = deps;
  }

  /** The agent of a machine says what its links could bring, in bytes a second; `undefined` where it does not know. */
  learnLink(machine: string, bytesPerSecond: number | undefined): void {
    if (bytesPerSecond === undefined) this.#links.delete(machine);
    else this.#links.set(machine, bytesPerSecond);
  }

  /** A task has newer figures. */
  moved(task: OpenTask): void {
    const { record, progress, job } = task;
    const least = this.#leastOf(task);
    const isFilling = record.state === "filling" && progress.doneBytes < progress.totalBytes;
    if (!isFilling || progress.bytesPerSecond >= least) {
      task.slowSinceMs = undefined;
      return;
    }
    const nowMs = this.#deps.clock.now();
    task.slowSinceMs ??= nowMs;
    if (task.toldSlow || nowMs - task.slowSinceMs < SLOW_FOR_MS) return;
    task.toldSlow = true;
    const message = `${record.machineName} gets ${megabytes(progress.bytesPerSecond)} MB/s, less than ${megabytes(least)} MB/s for ${SLOW_FOR_MS / 1000} s`;
    this.#alert(job, { kind: "slow", at: timeText(nowMs), machine: record.machine, message });
    this.#deps.events
      .record({
        kind: "task.slow",
        machine: record.machine,
        image: imageText(record.image),
        message: `${nameOfJob(job.record)}: ${message}`,
        data: { job: String(job.record.id), task: record.id, bytesPerSecond: progress.bytesPerSecond },
      })
      .catch(this.#deps.onError);
  }

  /** A task of this job is over. */
  finished(job: OpenJob): void {
    const failed = job.tasks.filter((task) => task.record.state === "failed").length;
    const over = job.tasks.filter((task) => isOver(task.record.state)).length;
    const percent = (failed / job.tasks.length) * 100;
    if (job.toldErrors || job.tasks.length < 2 || percent <= this.#deps.settings.current.alertFailedPercent) return;
    job.toldErrors = true;
    const message = `${failed} of ${job.tasks.length} machines failed, ${over} are through`;
    this.#alert(job, { kind: "failed", at: timeText(this.#deps.clock.now()), message });
    this.#deps.events
      .record({
        kind: "job.alert",
        image: imageText(job.record.image),
        message: `${nameOfJob(job.record)}: ${message}`,
        data: { job: String(job.record.id), failed, over, machines: job.tasks.length },
      })
      .catch(this.#deps.onError);
  }

  #alert(job: OpenJob, alert: JobAlert): void {
    job.alerts = [...job.alerts, alert].slice(-MAX_JOB_ALERTS);
    this.#deps.meter.alerted(alert.kind);
  }

  /** Below this a machine is slow, in bytes a second: what operators set, but no more than its link and its job let through. */
  #leastOf({ record, job }: OpenTask): number {
    const { alertBelowBytesPerSecond } = this.#deps.settings.current;
    const link = this.#links.get(record.machine) ?? Number.POSITIVE_INFINITY;
    return Math.min(alertBelowBytesPerSecond, link * SHARE_OF_LINK, allowedBy(job) * 0.9);
  }
}

/** What a job lets each of its machines have, in bytes a second. */
function allowedBy({ record: { spec } }: OpenJob): number {
  const limit =
    spec.kind === "deploy"
      ? spec.downloadBytesPerSecond
      : spec.kind === "capture"
        ? spec.uploadBytesPerSecond
        : undefined;
  return limit ?? Number.POSITIVE_INFINITY;
}

function megabytes(bytesPerSecond: number): string {
  return (bytesPerSecond / 1e6).toFixed(1);
}
