import type { BlockDevice } from "@ingot/iscsi";
import { MemoryDevice } from "../memory-device.ts";
import type { Random } from "./random.ts";

/** Answers at once, later, or now and then with a failure; notes every access that no device may see. */
export class CheckedDevice implements BlockDevice {
  readonly memory: MemoryDevice;
  readonly violations: string[] = [];
  /** Accesses that are not answered yet. */
  pending = 0;
  readonly #random: Random;
  readonly #later: number;
  readonly #failing: number;

  constructor(sizeBytes: number, random: Random) {
    this.memory = new MemoryDevice(sizeBytes);
    this.#random = random;
    this.#later = random.pick([0, 0, 0.5, 1]);
    this.#failing = random.pick([0, 0, 0, 0.1]);
  }

  get sizeBytes(): number {
    return this.memory.sizeBytes;
  }

  read(offset: number, into: Uint8Array): void | Promise<void> {
    this.#check("read", offset, into.length);
    return this.#answer(() => this.memory.read(offset, into));
  }

  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    this.#check("write", offset, bytes.length);
    return this.#answer(() => this.memory.write(offset, bytes));
  }

  async flush(): Promise<void> {
    await this.#answer(() => this.memory.flush());
  }

  discard(offset: number, length: number): void | Promise<void> {
    this.#check("discard", offset, length);
    return this.#answer(() => this.memory.discard(offset, length));
  }

  isAllocated(offset: number): { allocated: boolean; lengthBytes: number } {
    this.#check("isAllocated", offset, 512);
    return this.memory.isAllocated(offset);
  }

  #check(what: string, offset: number, length: number): void {
    const isWhole = offset % 512 === 0 && length % 512 === 0;
    if (isWhole && length > 0 && offset >= 0 && offset + length <= this.sizeBytes) return;
    this.violations.push(`${what} of ${length} bytes at ${offset}`);
    throw new RangeError("out of range");
  }

  #answer(work: () => unknown): void | Promise<void> {
    const fails = this.#random.chance(this.#failing);
    if (!this.#random.chance(this.#later)) {
      if (fails) throw new Error("the device fails");
      work();
      return undefined;
    }
    this.pending++;
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        this.pending--;
        if (fails) return reject(new Error("the device fails later"));
        work();
        resolve();
      });
    });
  }
}
