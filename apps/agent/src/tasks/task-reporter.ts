import { NO_PROGRESS, type TaskError, type TaskProgress, type TaskReport, type TaskReportAnswer } from "@ingot/api";
import { withRetry } from "../client/retry.ts";
import { AgentError } from "../errors.ts";

/** States that a running task goes through. */
export type RunningState = "preparing" | "filling" | "finishing";

/** The way to the server. */
export type SendReport = (report: TaskReport, signal?: AbortSignal) => Promise<TaskReportAnswer>;

/** Between two reports of the same state. */
const REPORT_MS = 3_000;
/** The server cuts notes off there. */
const MAX_NOTE = 480;

/** Tells the server, and the screen, how a task goes. A server that is away delays nothing but the final report. */
export class TaskReporter {
  readonly #send: SendReport;
  readonly #onStop: (stop: NonNullable<TaskReportAnswer["stop"]>) => void;
  readonly #onChange: (state: RunningState, progress: TaskProgress, note?: string) => void;
  #state: RunningState = "preparing";
  #progress: TaskProgress = NO_PROGRESS;
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #again = false;
  #note: string | undefined;

  constructor(
    send: SendReport,
    onStop: (stop: NonNullable<TaskReportAnswer["stop"]>) => void,
    onChange: (state: RunningState, progress: TaskProgress, note?: string) => void,
  ) {
    this.#send = send;
    this.#onStop = onStop;
    this.#onChange = onChange;
  }

  get progress(): TaskProgress {
    return this.#progress;
  }

  /** The task goes into another state, perhaps with a remark. */
  enter(state: RunningState, note?: string): void {
    this.#state = state;
    this.note(note);
  }

  /** A remark for people. */
  note(note: string | undefined): void {
    if (note !== undefined) this.#note = note.slice(0, MAX_NOTE);
    this.#onChange(this.#state, this.#progress, note);
    this.#sendSoon(0);
  }

  advance(progress: TaskProgress): void {
    this.#progress = progress;
    this.#onChange(this.#state, progress);
    this.#sendSoon(REPORT_MS);
  }

  /** The last word, repeated until the server has it. Errors: those of the client that repeating does not help. */
  async end(
    outcome: "done" | "failed",
    error: TaskError | undefined,
    note: string | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.close();
    const report: TaskReport = {
      state: outcome,
      progress: this.#progress,
      ...(error === undefined ? {} : { error }),
      ...(note === undefined ? {} : { note: note.slice(0, MAX_NOTE) }),
    };
    await withRetry(() => this.#send(report, signal), { signal });
  }

  /** No reports from here on. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#again = false;
    await this.#sending;
  }

  /** At most one report is under way; what changes meanwhile goes into the next. */
  #sendSoon(delayMs: number): void {
    if (this.#sending !== undefined) {
      this.#again ||= delayMs === 0;
      return;
    }
    if (delayMs === 0) clearTimeout(this.#timer);
    else if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#sending = this.#sendNow().finally(() => {
        this.#sending = undefined;
        if (this.#again) {
          this.#again = false;
          this.#sendSoon(0);
        }
      });
    }, delayMs);
  }

  async #sendNow(): Promise<void> {
    const note = this.#note;
    try {
      const report: TaskReport = {
        state: this.#state,
        progress: this.#progress,
        ...(note === undefined ? {} : { note }),
      };
      const { stop } = await this.#send(report);
      if (this.#note === note) this.#note = undefined;
      if (stop !== undefined) this.#onStop(stop);
    } catch (error) {
      // The next report says the same and more; heartbeats tell whether the server is there.
      if (!(error instanceof AgentError)) throw error;
    }
  }
}
