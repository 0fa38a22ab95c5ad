import { MemoryDevice } from "./memory-device.ts";

interface Waiting {
  readonly kind: "read" | "write" | "flush";
  finish(error?: Error): void;
}

/** A disk in memory whose every answer waits until a test lets it go. */
export class SlowDevice {
  readonly memory: MemoryDevice;
  readonly waiting: Waiting[] = [];

  constructor(sizeBytes: number) {
    this.memory = new MemoryDevice(sizeBytes);
  }

  get sizeBytes(): number {
    return this.memory.sizeBytes;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#wait("read", () => this.memory.read(offset, into));
  }

  write(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#wait("write", () => this.memory.write(offset, bytes));
  }

  flush(): Promise<void> {
    return this.#wait("flush", () => undefined);
  }

  discard(offset: number, length: number): void {
    this.memory.discard(offset, length);
  }

  /** Lets everything go that waits now. */
  go(error?: Error): void {
    for (const one of this.waiting.splice(0)) one.finish(error);
  }

  #wait(kind: Waiting["kind"], work: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const finish = (error?: Error): void => {
      if (error !== undefined) return reject(error);
      work();
      resolve();
    };
    this.waiting.push({ kind, finish });
    return promise;
  }
}
