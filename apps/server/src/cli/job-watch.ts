import type { Job, Task } from "@ingot/api";
import { ServerError } from "../errors.ts";
import type { ApiClient } from "./api-client.ts";
import type { Connection } from "./connection.ts";
import { countsOf, renderWatch, titleOf } from "./job-output.ts";
import type { Output } from "./output.ts";

const LOOK_EVERY_MS = 1000;

/** A job is over, and not every machine is done. */
export class JobFailedError extends Error {
  override readonly name = "JobFailedError";
}

/** Stays with a job until it is over, and shows how it goes on: on a terminal in place, elsewhere a line for each change. */
export async function watchJob(connection: Connection, id: string, out: Output): Promise<Job> {
  if (!connection.live)
    throw new ServerError("server-unreachable", "no server is running: jobs go on only while one does");
  const screen = new Screen(out);
  try {
    for (let before = ""; ;) {
      const job = await connection.api.get<Job>(`/api/v1/jobs/${id}`);
      const counts = `${job.state}: ${countsOf(job.counts)}`;
      if (screen.isTerminal) screen.draw(renderWatch(job, await readTasks(connection.api, id), screen.size));
      else if (counts !== before) out.note(`job ${id} (${titleOf(job)}): ${counts}`);
      before = counts;
      if (job.finishedAt !== undefined) return job;
      await new Promise((resolve) => {
        setTimeout(resolve, LOOK_EVERY_MS);
      });
    }
  } finally {
    screen.close();
  }
}

/** Every task of a job. */
export function readTasks(api: ApiClient, id: string): Promise<Task[]> {
  return api.list<Task>(`/api/v1/jobs/${encodeURIComponent(id)}/tasks`);
}

/** Says how a job ended. @throws JobFailedError where not every machine is done. */
export function concludeJob(job: Job, out: Output): void {
  out.result(job, () => `job ${job.id} (${titleOf(job)}): ${job.state}: ${job.reason}`);
  if (job.state !== "done") throw new JobFailedError(`job ${job.id}: ${job.reason}`);
}

/** Lines on standard error that are written over again and again. */
class Screen {
  readonly isTerminal: boolean;
  #drawn = 0;

  constructor(out: Output) {
    this.isTerminal = process.stderr.isTTY && !out.json;
    if (this.isTerminal) process.stderr.write("\x1b[?25l");
  }

  get size(): { columns: number; rows: number } {
    return { columns: process.stderr.columns, rows: process.stderr.rows };
  }

  draw(lines: readonly string[]): void {
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    process.stderr.write(`${up}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`);
    this.#drawn = lines.length;
  }

  close(): void {
    if (this.isTerminal) process.stderr.write("\x1b[?25h");
  }
}
