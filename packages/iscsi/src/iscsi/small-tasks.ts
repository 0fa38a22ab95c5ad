import { doneWith } from "../scsi/execute.ts";
import type { Done, Pending } from "../scsi/execution.ts";
import { SenseOf } from "../scsi/sense.ts";
import type { HeldCommand } from "./held-command.ts";
import type { Task, TaskHost, TaskIdentity } from "./task.ts";
import type { QueuedTask } from "./task-set.ts";

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

/** Who looks after waiting commands. */
export interface WaitingRoom {
  begin(task: WaitingTask): void;
  forget(task: WaitingTask): void;
}

/** A command that waits for others because of its task attribute or theirs. */
export class WaitingTask implements Task, QueuedTask {
  readonly identity: TaskIdentity;
  readonly attribute: number;
  readonly held: HeldCommand;
  /** What it counts for in the limit of held bytes. */
  readonly bytes: number;
  readonly #room: WaitingRoom;

  constructor(room: WaitingRoom, identity: TaskIdentity, attribute: number, held: HeldCommand, bytes: number) {
    this.#room = room;
    this.identity = identity;
    this.attribute = attribute;
    this.held = held;
    this.bytes = bytes;
  }

  begin(): void {
    this.#room.begin(this);
  }

  abort(): undefined {
    this.#room.forget(this);
  }
}
