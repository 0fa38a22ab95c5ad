import { carryError, ThreadError, type CarriedError } from "./worker-messages.ts";

/** Tasks by name: what is asked and what is answered. */
export type Tasks = { readonly [name: string]: { readonly asks: unknown; readonly answers: unknown } };

/** Who does the tasks; a rejection is carried over to the one who asked. */
export type TaskHandlers<T extends Tasks> = {
  readonly [Name in keyof T]: (asks: T[Name]["asks"]) => Promise<T[Name]["answers"]>;
};

/** A task on its way, or what came of it. */
export type LinkMessage<T extends Tasks> =
  | {
      readonly [Name in keyof T]: {
        readonly kind: "task";
        readonly id: number;
        readonly name: Name;
        readonly asks: T[Name]["asks"];
      };
    }[keyof T]
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly error: CarriedError };

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Two threads that ask tasks of each other: `Ours` are done here, `Theirs` there. */
export class ThreadLink<Ours extends Tasks, Theirs extends Tasks> {
  readonly #post: (message: object, transfer: ArrayBuffer[]) => void;
  readonly #handlers: TaskHandlers<Ours>;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #broken: Error | undefined;

  /** `post` posts a message to the other thread, giving away the buffers in `transfer`. */
  constructor(post: (message: object, transfer: ArrayBuffer[]) => void, handlers: TaskHandlers<Ours>) {
    this.#post = post;
    this.#handlers = handlers;
  }

  /** Asks for a task; rejects with `ThreadError` when it fails there, and with what `break` was given. */
  ask<Name extends keyof Theirs & string>(name: Name, asks: Theirs[Name]["asks"]): Promise<Theirs[Name]["answers"]> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    this.#post({ kind: "task", id, name, asks }, []);
    return promise;
  }

  /** Takes a message of the other thread's link. */
  receive(message: LinkMessage<Ours>): void {
    switch (message.kind) {
      case "task":
        void this.#do(message.id, this.#handlers[message.name](message.asks));
        return;
      case "answer":
        this.#settle(message.id)?.resolve(message.value);
        return;
      case "failure":
        this.#settle(message.id)?.reject(new ThreadError(message.error));
    }
  }

  /** The other thread is gone: nothing that was asked will be answered, and nothing more can be asked. */
  break(error: Error): void {
    this.#broken = error;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(error);
  }

  async #do(id: number, work: Promise<unknown>): Promise<void> {
    try {
      const value = await work;
      // The receiver owns the bytes of a chunk from here on: nothing is copied.
      const transfer = value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
      if (this.#broken === undefined) this.#post({ kind: "answer", id, value }, transfer);
    } catch (error) {
      if (this.#broken === undefined) this.#post({ kind: "failure", id, error: carryError(error) }, []);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
