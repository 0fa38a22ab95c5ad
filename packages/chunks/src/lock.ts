/** Lets one asynchronous section run at a time, in the order of asking. */
export class Lock {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs `section` when all earlier ones have ended, however they ended. */
  run<T>(section: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(section);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
