import { doneWith } from "../scsi/execute.ts";
import type { Done, Pending } from "../scsi/execution.ts";
import { SenseOf } from "../scsi/sense.ts";
import type { Task, TaskHost, TaskIdentity } from "./task.ts";

/** A command that was over as soon as it began; it stands for the answer that is being written. */
export class SentDataTask implements Task {
  readonly identity: TaskIdentity;

  constructor(identity: TaskIdentity) {
    this.identity = identity;
  }

  abort(): undefined {}
}

/** A command without data that takes time, such as SYNCHRONIZE CACHE. */
export class PendingTask implements Task {
  readonly identity: TaskIdentity;
  readonly #host: TaskHost;
  readonly #ended: (done: Done) => void;
  #settled: Promise<void> | undefined;
  #aborted = false;

  constructor(host: TaskHost, identity: TaskIdentity, ended: (done: Done) => void) {
    this.identity = identity;
    this.#host = host;
    this.#ended = ended;
  }

  start({ done, outlivesCommand }: Pending): void {
    const end = (outcome: Done): void => {
      if (this.#aborted) return;
      this.#ended(outcome);
      this.#host.flushSoon();
    };
    const settled = done.then(end, (error: unknown) => end(doneWith(error, SenseOf.writeError)));
    if (outlivesCommand !== true) this.#settled = settled;
  }

  abort(): Promise<void> | undefined {
    this.#aborted = true;
    return this.#settled;
  }
}
