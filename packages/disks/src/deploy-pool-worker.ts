import { Worker } from "node:worker_threads";

import type { DeployAnswer, DeployRequest, DeployResponse, DeployTask } from "./deploy-tasks.ts";

interface Waiting {
  readonly resolve: (answer: DeployAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
}

/** A few threads for `DeployTask`s, started when they are needed: a target that is an empty file needs none. */
export class DeployPool {
  readonly #limit: number;
  readonly #lanes: Lane[] = [];
  readonly #running = new Set<Promise<DeployAnswer>>();
  #nextId = 0;
  #isClosed = false;

  /** `threads`: at least 1. */
  constructor(threads: number) {
    this.#limit = threads;
  }

  /** Gives the task to the thread with the least to do. */
  run(task: DeployTask): Promise<DeployAnswer> {
    if (this.#isClosed) return Promise.reject(new Error("deployment: its threads have ended"));
    const lane = this.#idlest();
    const id = this.#nextId++;
    const answer = new Promise<DeployAnswer>((resolve, reject) => {
      lane.waiting.set(id, { resolve, reject });
      lane.worker.ref();
      lane.worker.postMessage({ id, task } satisfies DeployRequest);
    });
    this.#running.add(answer);
    const forget = (): void => void this.#running.delete(answer);
    answer.then(forget, forget);
    return answer;
  }

  /** Waits for what is under way: the descriptor may be closed afterwards. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#running);
    await Promise.all(this.#lanes.splice(0).map(({ worker }) => worker.terminate()));
  }

  #idlest(): Lane {
    const idle = this.#lanes.find(({ waiting }) => waiting.size === 0);
    if (idle !== undefined) return idle;
    if (this.#lanes.length < this.#limit) return this.#start();
    return this.#lanes.reduce((least, lane) => (lane.waiting.size < least.waiting.size ? lane : least));
  }

  #start(): Lane {
    const lane: Lane = { worker: new Worker(new URL("./deploy-worker.ts", import.meta.url)), waiting: new Map() };
    lane.worker.on("message", (response: DeployResponse) => {
      const waiting = lane.waiting.get(response.id);
      lane.waiting.delete(response.id);
      if (lane.waiting.size === 0) lane.worker.unref();
      if ("answer" in response) waiting?.resolve(response.answer);
      else waiting?.reject(response.error);
    });
    lane.worker.on("error", (error) => {
      const at = this.#lanes.indexOf(lane);
      if (at >= 0) this.#lanes.splice(at, 1);
      for (const { reject } of lane.waiting.values()) reject(error);
      lane.waiting.clear();
    });
    this.#lanes.push(lane);
    return lane;
  }
}
