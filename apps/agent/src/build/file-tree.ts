import { readFileSync } from "node:fs";
import type { CpioEntry } from "./cpio.ts";

/** Folders that Debian merges into `/usr`: links there lead to the same files from both sides. */
const MERGED = ["bin", "lib", "lib64", "sbin"];

/**
 * What an archive will hold. Paths are absolute; those in `/bin`, `/lib`, `/lib64` and `/sbin` are put below `/usr`, parents
 * appear by themselves. What is added twice counts once, the later one.
 */
export class FileTree {
  readonly #entries = new Map<string, CpioEntry>();

  addDirectory(path: string, mode = 0o755): void {
    this.#set({ kind: "directory", path: placeOf(path), mode });
  }

  addFile(path: string, bytes: Uint8Array | string, mode = 0o644): void {
    const content = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    this.#set({ kind: "file", path: placeOf(path), mode, bytes: content });
  }

  /** Adds a file of this machine's; its own mode does not count, because it may depend on who unpacked it. */
  copyFile(path: string, from: string, mode = 0o644): void {
    this.addFile(path, readFileSync(from), mode);
  }

  /** Adds a symbolic link. */
  addLink(path: string, target: string): void {
    this.#set({ kind: "link", path: placeOf(path), target });
  }

  /** The links `/bin` → `usr/bin` and so on. */
  addMergedFolders(): void {
    for (const folder of MERGED) {
      this.addDirectory(`/usr/${folder}`);
      this.#set({ kind: "link", path: folder, target: `usr/${folder}` });
    }
  }

  has(path: string): boolean {
    return this.#entries.has(placeOf(path));
  }

  /** Sorted by path, parents first. */
  entries(): CpioEntry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  #set(entry: CpioEntry): void {
    const segments = entry.path.split("/");
    for (let depth = 1; depth < segments.length; depth++) {
      const path = segments.slice(0, depth).join("/");
      if (!this.#entries.has(path)) this.#entries.set(path, { kind: "directory", path, mode: 0o755 });
    }
    this.#entries.set(entry.path, entry);
  }
}

function placeOf(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "");
  return [...(MERGED.includes(segments[0] ?? "") ? ["usr"] : []), ...segments].join("/");
}
