import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Job, Task, TaskError } from "@ingot/api";
import { Classroom, FULL_DHCP } from "@ingot/server/classroom";
import { runCommand } from "@ingot/testkit/lab";
import { makeCloneImage } from "./clone-image.ts";

/** The image that the machines are cloned from. */
export const IMAGE = "lab";
/** An emulated machine, beside others. */
export const LONG_MS = 600_000;

/** A classroom whose server has the agent's system and the image {@link IMAGE}. */
export class CloneClassroom implements AsyncDisposable {
  readonly directory: string;
  readonly classroom: Classroom;
  /** The image as a file. */
  readonly imageFile: string;

  private constructor(directory: string, classroom: Classroom, imageFile: string) {
    this.directory = directory;
    this.classroom = classroom;
    this.imageFile = imageFile;
  }

  static async open(prefix: string): Promise<CloneClassroom> {
    const directory = mkdtempSync(join(tmpdir(), `${prefix}-`));
    const boot = join(directory, "data", "boot", "agent");
    const agent = join(import.meta.dirname, "..", "apps", "agent", "src", "main.ts");
    await runCommand(process.execPath, [...process.execArgv, agent, "build", "--fast", "--output", boot]);
    const scratch = join(directory, "image");
    mkdirSync(scratch);
    const imageFile = join(scratch, "lab.img");
    await makeCloneImage(boot, imageFile, scratch);
    const classroom = await Classroom.open({ prefix, directory, serveArguments: FULL_DHCP });
    await classroom.ingot("image", "add", IMAGE, imageFile);
    return new CloneClassroom(directory, classroom, imageFile);
  }

  /** Makes a job of a command line. */
  async startJob(...argumentList: string[]): Promise<Job> {
    const { stdout } = await this.classroom.ingot(...argumentList, "--json");
    return JSON.parse(stdout) as Job;
  }

  /** Waits until the task of a machine is as wanted; one that ends otherwise is told with its reason. */
  async waitForTask(job: Job, machine: string, wanted: (task: Task) => boolean): Promise<Task> {
    const deadline = Date.now() + LONG_MS;
    for (;;) {
      const tasks = await this.classroom.api.list<Task>(`/api/v1/jobs/${job.id}/tasks`);
      const task = tasks.find((each) => each.machineName === machine);
      if (task !== undefined && wanted(task)) return task;
      const over = task === undefined || ["done", "failed", "cancelled"].includes(task.state);
      if (over || Date.now() > deadline) throw new Error(`task of ${machine}: ${JSON.stringify(task)}`);
      await pause(500);
    }
  }

  /** Waits until the task of a machine is done. */
  waitUntilDone(job: Job, machine: string): Promise<Task> {
    return this.waitForTask(job, machine, ({ state }) => state === "done");
  }

  /** Waits until the task of a machine has failed, and answers why. */
  async failureOf(job: Job, machine: string): Promise<TaskError> {
    const { error } = await this.waitForTask(job, machine, ({ state }) => state === "failed");
    if (error === undefined) throw new Error(`task of ${machine}: failed without an error`);
    return error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.classroom[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
