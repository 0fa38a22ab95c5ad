import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

const PAGE_BYTES = 4096;
/** One page of so many stays taken. */
const RUN_PAGES = 32;

/**
 * Free memory that the host has provided already, for what is on tmpfs afterwards. A virtual machine gets a page from its host when it first
 * touches it, which costs ten times as much as to copy into it, and gives free memory back in blocks of 2 MiB after two seconds: which
 * copies get dear pages is chance, and on machines of their own none would. So all is touched, and freed but for a page of 128 KiB: what is
 * free then is in pieces too small to be given back, and what is written next takes the smallest pieces first.
 */
export class WarmMemory {
  readonly #kept: string;

  private constructor(kept: string) {
    this.#kept = kept;
  }

  /** Touches so much, with two files in `directory`, which has to be on tmpfs. */
  static touch(directory: string, bytes: number): WarmMemory {
    const [freed, kept] = [join(directory, "freed"), join(directory, "kept")];
    const [freedFd, keptFd] = [openSync(freed, "w"), openSync(kept, "w")];
    const run = new Uint8Array(RUN_PAGES * PAGE_BYTES);
    // The system hands out pages in turn, so that those of the two files alternate.
    for (let at = 0; at < bytes; at += run.length) {
      writeSync(keptFd, run, 0, PAGE_BYTES);
      writeSync(freedFd, run, PAGE_BYTES);
    }
    closeSync(freedFd);
    closeSync(keptFd);
    rmSync(freed);
    return new WarmMemory(kept);
  }

  [Symbol.dispose](): void {
    rmSync(this.#kept, { force: true });
  }
}
