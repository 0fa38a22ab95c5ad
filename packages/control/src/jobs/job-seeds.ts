import type { CreateJob, JobSeed, TaskImage } from "@ingot/api";
import type { EventLog } from "../event-log.ts";
import { readMachines } from "../machine-store.ts";
import type { Database } from "../tables.ts";
import type { OpenJob } from "./job-book.ts";
import { imageText, nameOfJob } from "./job-events.ts";

/** A job that is not over, and the first part of whose image seeds are to hold before its first machine begins. */
export interface Preload {
  readonly jobId: number;
  readonly image: TaskImage;
  /** Of the image, in percent. */
  readonly percent: number;
  /** None of its machines may begin until somebody says so. */
  readonly waits: boolean;
}

/** Whoever speaks to seeds. There is none while agents have no door. */
export interface SeedRegister {
  /** The sources of a version that is deployed. */
  seedsOf(manifestId: string): readonly JobSeed[];
}

interface JobSeedsDeps {
  readonly db: Database;
  readonly events: EventLog;
  readonly jobs: () => readonly OpenJob[];
  readonly reschedule: () => Promise<void>;
}

/** The first part of the image, in percent, that a job asks seeds to hold. */
function percentOf(spec: CreateJob): number | undefined {
  return spec.kind === "deploy" ? spec.preload : undefined;
}

/** Why the tasks of a job wait that was just made, or read after a restart; none where it asks for no seeds. */
export function waitsForSeeds(spec: CreateJob): string | undefined {
  const percent = percentOf(spec);
  return percent === undefined ? undefined : `the first ${percent} % of the image goes to seeds before it begins`;
}

/** What jobs ask of seeds, and what the seeds are said to be. Who they are is decided elsewhere. */
export class JobSeeds {
  /** Set once agents have a door. */
  register: SeedRegister | undefined;
  readonly #deps: JobSeedsDeps;

  constructor(deps: JobSeedsDeps) {
    this.#deps = deps;
  }

  /** What the jobs that are not over ask of seeds. */
  get preloads(): readonly Preload[] {
    return this.#deps.jobs().flatMap(({ record: { id, spec, image }, waitsFor }) => {
      const percent = percentOf(spec);
      return percent === undefined || image === undefined
        ? []
        : [{ jobId: id, image, percent, waits: waitsFor !== undefined }];
    });
  }

  /** Where the machines of a job stand that is not over; an empty name for those of which nobody said so. */
  async sitesOf(id: number): Promise<ReadonlySet<string>> {
    const machines = this.#job(id)?.tasks.map(({ record }) => record.machine) ?? [];
    return new Set((await readMachines(this.#deps.db, machines)).map(({ row }) => row.site ?? ""));
  }

  /** None of a job's tasks begins for this reason. */
  async hold(id: number, waitsFor: string): Promise<void> {
    const job = this.#job(id);
    if (job === undefined) return;
    job.waitsFor = waitsFor;
    await this.#deps.reschedule();
  }

  /** A job's tasks may begin: seeds hold what they were asked to, or will not. `how` says it. */
  async letBegin(id: number, how: string): Promise<void> {
    const { events, reschedule } = this.#deps;
    const job = this.#job(id);
    if (job?.waitsFor === undefined) return;
    job.waitsFor = undefined;
    await events.record({
      kind: "job.preloaded",
      image: imageText(job.record.image),
      message: `${nameOfJob(job.record)}: ${how}`,
      data: { job: String(id) },
    });
    await reschedule();
  }

  #job(id: number): OpenJob | undefined {
    return this.#deps.jobs().find(({ record }) => record.id === id);
  }
}
