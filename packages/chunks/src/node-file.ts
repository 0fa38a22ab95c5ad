import { mkdir, open, readFile, readdir, rename, stat, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { StoreFiles } from "./store-files.ts";

/** Files kept open for reading: enough for the packs of a boot, far below any limit on descriptors. */
const OPEN_FILES = 256;

interface OpenFile {
  readonly handle: Promise<FileHandle>;
  readers: number;
  dropped: boolean;
}

/** The file system of this machine, below the directory `root` (which is created, one level). */
export class NodeFiles implements StoreFiles {
  readonly #root: string;
  /** In order of last use. */
  readonly #open = new Map<string, OpenFile>();

  constructor(root: string) {
    this.#root = root;
  }

  async create(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await open(join(this.#root, path), "wx", 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return await readFile(join(this.#root, path));
  }

  async readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#openFile(path);
    file.readers++;
    try {
      const handle = await file.handle;
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) return bytes.subarray(0, filled);
        filled += bytesRead;
      }
      return bytes;
    } catch (error) {
      this.#drop(path, file);
      throw error;
    } finally {
      file.readers--;
      await closeUnused(file);
    }
  }

  async size(path: string): Promise<number> {
    return (await stat(join(this.#root, path))).size;
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(join(this.#root, from), join(this.#root, to));
    // Whoever reads next must see the new file, not the one that was open under that name.
    const replaced = this.#open.get(to);
    if (replaced === undefined) return;
    this.#drop(to, replaced);
    await closeUnused(replaced);
  }

  async remove(path: string): Promise<void> {
    const file = this.#open.get(path);
    if (file !== undefined) {
      this.#drop(path, file);
      await closeUnused(file);
    }
    await unlink(join(this.#root, path));
  }

  async list(directory: string): Promise<readonly string[]> {
    try {
      return await readdir(join(this.#root, directory));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  async makeDirectory(path: string): Promise<void> {
    try {
      await mkdir(join(this.#root, path));
      if (path === "") await this.syncDirectory("..");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }

  async syncDirectory(path: string): Promise<void> {
    const handle = await open(join(this.#root, path), "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async close(): Promise<void> {
    const files = [...this.#open];
    for (const [path, file] of files) this.#drop(path, file);
    await Promise.all(files.map(([, file]) => closeUnused(file)));
  }

  #openFile(path: string): OpenFile {
    let file = this.#open.get(path);
    if (file === undefined) {
      file = { handle: open(join(this.#root, path), "r"), readers: 0, dropped: false };
      if (this.#open.size >= OPEN_FILES) {
        this.#dropOldest();
      }
    } else {
      this.#open.delete(path);
    }
    this.#open.set(path, file);
    return file;
  }

  #dropOldest(): void {
    for (const [path, file] of this.#open) {
      this.#drop(path, file);
      // A descriptor that fails to close lost nothing: it was only read.
      closeUnused(file).catch(() => undefined);
      return;
    }
  }

  #drop(path: string, file: OpenFile): void {
    file.dropped = true;
    if (this.#open.get(path) === file) this.#open.delete(path);
  }
}

/** Closes the descriptor once it is out of the cache and the last reader is done. A failed open has nothing to close. */
async function closeUnused(file: OpenFile): Promise<void> {
  if (!file.dropped || file.readers > 0) return;
  const [opened] = await Promise.allSettled([file.handle]);
  if (opened.status === "fulfilled" && file.readers === 0) await closeOnce(opened.value);
}

async function closeOnce(handle: FileHandle): Promise<void> {
  if (handle.fd !== -1) await handle.close();
}
