interface Pooled<R> {
  readonly replica: Promise<R>;
  users: number;
}

/** Lets everybody who needs an image share its one replica, or one view of it; the last one to let go closes it. */
export class ReplicaPool<R extends { close(): Promise<void> }> {
  readonly #open: (manifestId: string) => Promise<R>;
  readonly #pooled = new Map<string, Pooled<R>>();
  readonly #closing = new Map<string, Promise<void>>();

  /** `open` is called when nobody has the replica open. */
  constructor(open: (manifestId: string) => Promise<R>) {
    this.#open = open;
  }

  /** Replicas that are open now. */
  get openCount(): number {
    return this.#pooled.size;
  }

  /** Whether somebody has the replica of a manifest open, or it is being opened or closed. */
  isInUse(manifestId: string): boolean {
    return this.#pooled.has(manifestId) || this.#closing.has(manifestId);
  }

  /** The replica of a manifest, until `release`, which MUST be called, MAY be called twice, and closes it for the last user. */
  async acquire(manifestId: string): Promise<{ replica: R; release: () => Promise<void> }> {
    for (let closing; (closing = this.#closing.get(manifestId)) !== undefined;) await closing.catch(() => undefined);
    const pooled: Pooled<R> = this.#pooled.get(manifestId) ?? { replica: this.#open(manifestId), users: 0 };
    this.#pooled.set(manifestId, pooled);
    pooled.users += 1;
    let isReleased = false;
    const release = async (): Promise<void> => {
      if (isReleased) return;
      isReleased = true;
      await this.#release(manifestId, pooled);
    };
    try {
      return { replica: await pooled.replica, release };
    } catch (error) {
      pooled.users -= 1;
      if (this.#pooled.get(manifestId) === pooled) this.#pooled.delete(manifestId);
      throw error;
    }
  }

  async #release(manifestId: string, pooled: Pooled<R>): Promise<void> {
    pooled.users -= 1;
    if (pooled.users > 0) return;
    this.#pooled.delete(manifestId);
    const closing = pooled.replica
      .then((replica) => replica.close())
      .finally(() => {
        this.#closing.delete(manifestId);
      });
    this.#closing.set(manifestId, closing);
    await closing;
  }
}
