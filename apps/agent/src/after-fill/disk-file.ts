import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { AgentError } from "../errors.ts";
import type { DiskBytes } from "../gpt/disk-bytes.ts";

/** A disk or image file opened for changes to its table. Errors: `disk-read` and `disk-write` with the sector. */
export class DiskFile implements DiskBytes {
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  readonly #path: string;
  readonly #fd: number;

  constructor(path: string, sizeBytes: number, sectorBytes: number, mode: "r" | "r+" = "r+") {
    this.#path = path;
    this.sizeBytes = sizeBytes;
    this.sectorBytes = sectorBytes;
    this.#fd = openSync(path, mode);
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const read = this.#guard("disk-read", offset + at, () => readSync(this.#fd, bytes, at, length - at, offset + at));
      if (read === 0)
        throw new AgentError("disk-read", `${this.#path} ends at ${offset + at}`, { sector: sectorOf(offset + at) });
      at += read;
    }
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;)
      at += this.#guard("disk-write", offset + at, () =>
        writeSync(this.#fd, bytes, at, bytes.length - at, offset + at),
      );
  }

  sync(): void {
    this.#guard("disk-write", 0, () => fsyncSync(this.#fd));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #guard<T>(code: "disk-read" | "disk-write", offset: number, act: () => T): T {
    try {
      return act();
    } catch (cause) {
      const verb = code === "disk-read" ? "reading" : "writing";
      throw new AgentError(code, `${verb} ${this.#path} at byte ${offset}`, { cause, sector: sectorOf(offset) });
    }
  }
}

function sectorOf(offset: number): number {
  return Math.floor(offset / 512);
}
