import type { TaskProgress, TaskState } from "@ingot/api";
import type { Selectable } from "kysely";
import { JOB_LOG_ROWS_BETWEEN_PRUNES, MAX_KEPT_JOB_LOG_ROWS } from "../limits.ts";
import type { Database, JobLogTable } from "../tables.ts";
import type { TaskRecord } from "./job-store.ts";

/** How often a task that only moves on gets a line, in milliseconds. Changes of state always do. */
export const LOG_EVERY_MS: number = 10_000;

const rowsPerRead = 1000;

/** Columns of the log. Amounts are totals of the task so far; `rate` is bytes a second at that moment. */
const header =
  "time,machine,state,bytes,total,rate,from_seed,from_peers,from_multicast,from_disk,hashes_verified,retries,errors,error,sector,detail\r\n";

/** The log of jobs: one line for each change of a task's state, and every few seconds between. */
export class JobLog {
  readonly #db: Database;
  #sincePrune = 0;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Writes lines, in one transaction's worth of statements. */
  async write(db: Database, at: string, tasks: readonly TaskRecord[]): Promise<void> {
    const rowsPerInsert = 500;
    for (let from = 0; from < tasks.length; from += rowsPerInsert) {
      await db
        .insertInto("job_log")
        .values(
          tasks.slice(from, from + rowsPerInsert).map((task) => ({
            job_id: task.jobId,
            at,
            machine_id: task.machine,
            machine_name: task.machineName,
            state: task.state,
            progress: JSON.stringify(task.progress),
            error: task.error?.code ?? null,
            sector: task.error?.sector ?? null,
            detail: task.error?.message ?? (task.state === "done" ? (task.note ?? null) : null),
          })),
        )
        .execute();
    }
    this.#sincePrune += tasks.length;
  }

  /** Forgets the oldest lines where there are too many. */
  async prune(): Promise<void> {
    if (this.#sincePrune < JOB_LOG_ROWS_BETWEEN_PRUNES) return;
    this.#sincePrune = 0;
    const newest = await this.#db.selectFrom("job_log").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
    await this.#db
      .deleteFrom("job_log")
      .where("id", "<=", (newest?.id ?? 0) - MAX_KEPT_JOB_LOG_ROWS)
      .execute();
  }

  /** The log of a job as CSV (RFC 4180), read as it is sent. */
  csv(jobId: number): ReadableStream<Uint8Array> {
    const db = this.#db;
    const encoder = new TextEncoder();
    let after = 0;
    let begun = false;
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller): Promise<void> {
          const rows = await db
            .selectFrom("job_log")
            .selectAll()
            .where("job_id", "=", jobId)
            .where("id", ">", after)
            .orderBy("id")
            .limit(rowsPerRead)
            .execute();
          const text = `${begun ? "" : header}${rows.map(lineOf).join("")}`;
          begun = true;
          after = rows.at(-1)?.id ?? after;
          if (text !== "") controller.enqueue(encoder.encode(text));
          if (rows.length < rowsPerRead) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  }
}

function lineOf(row: Selectable<JobLogTable>): string {
  const progress = JSON.parse(row.progress) as TaskProgress;
  const { seed, peers, multicast, local } = progress.bytes;
  const state = row.state as TaskState;
  const fields = [
    row.at,
    row.machine_name,
    state,
    progress.doneBytes,
    progress.totalBytes,
    progress.bytesPerSecond,
    seed,
    peers,
    multicast,
    local,
    progress.hashesVerified,
    progress.retries,
    progress.errors,
    row.error ?? "",
    row.sector ?? "",
    row.detail === null ? "" : quoted(row.detail),
  ];
  return `${fields.join(",")}\r\n`;
}

/** A text as one field, on one line. What spreadsheets would take for a formula is none: a machine's agent wrote it. */
function quoted(text: string): string {
  const line = text.replaceAll(/[\r\n]+/g, " ");
  return `"${/^[=+\-@\t]/.test(line) ? "'" : ""}${line.replaceAll('"', '""')}"`;
}
