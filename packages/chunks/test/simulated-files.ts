import type { StoreFiles } from "../src/store-files.ts";

interface Inode {
  bytes: Uint8Array<ArrayBuffer>;
  synced: boolean;
}

type Tree = Map<string, Inode>;

/**
 * A file system in memory that loses on a power cut what it may lose: the content of files that were not synced, and
 * names that were created, changed or removed since their directory was last synced. Changes of one directory
 * are lost from the last one backwards, those of different directories independently.
 */
export class SimulatedFiles implements StoreFiles {
  readonly #now: Tree;
  readonly #durable: Tree;
  readonly #directories: Set<string>;
  readonly #pending = new Map<string, ((tree: Tree) => void)[]>();
  readonly #random: () => number;
  /** Called before each change. */
  onStep: () => void = () => undefined;
  /** Bytes that still fit. */
  freeBytes: number = Number.POSITIVE_INFINITY;

  /** `random` gives 0 … 2^32 - 1. */
  constructor(random: () => number, tree: Tree = new Map(), directories: Set<string> = new Set()) {
    this.#random = random;
    this.#now = new Map(tree);
    this.#durable = new Map(tree);
    this.#directories = directories;
  }

  /** The disk as the next start finds it when the power is cut now. */
  afterPowerCut(): SimulatedFiles {
    const tree: Tree = new Map(this.#durable);
    for (const changes of this.#pending.values()) {
      const kept = this.#random() % (changes.length + 1);
      for (const change of changes.slice(0, kept)) change(tree);
    }
    for (const [path, inode] of tree) {
      if (!inode.synced) tree.set(path, { bytes: this.#torn(inode.bytes), synced: true });
    }
    return new SimulatedFiles(this.#random, tree, new Set(this.#directories));
  }

  /** All files. */
  paths(): string[] {
    return [...this.#now.keys()].sort();
  }

  async create(path: string, bytes: Uint8Array): Promise<void> {
    if (this.#now.has(path)) throw fault("EEXIST", path);
    const inode: Inode = { bytes: new Uint8Array(bytes), synced: false };
    this.#change(path, (tree) => tree.set(path, inode));
    this.onStep();
    if (bytes.length > this.freeBytes) throw fault("ENOSPC", path);
    this.freeBytes -= bytes.length;
    inode.synced = true;
  }

  async read(path: string): Promise<Uint8Array<ArrayBuffer>> {
    const inode = this.#now.get(path);
    if (inode === undefined) throw fault("ENOENT", path);
    return inode.bytes.slice();
  }

  async readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.read(path)).slice(offset, offset + length);
  }

  async size(path: string): Promise<number> {
    return (await this.read(path)).length;
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.#now.get(from);
    if (inode === undefined) throw fault("ENOENT", from);
    this.#change(to, (tree) => tree.set(to, inode).delete(from));
  }

  async remove(path: string): Promise<void> {
    const inode = this.#now.get(path);
    if (inode === undefined) throw fault("ENOENT", path);
    this.#change(path, (tree) => tree.delete(path));
    this.freeBytes += inode.bytes.length;
  }

  async list(directory: string): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const path of [...this.#now.keys(), ...this.#directories]) {
      if (path.startsWith(`${directory}/`)) names.add(path.slice(directory.length + 1).split("/")[0] ?? "");
    }
    return [...names];
  }

  async makeDirectory(path: string): Promise<void> {
    this.onStep();
    this.#directories.add(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.onStep();
    for (const change of this.#pending.get(path) ?? []) change(this.#durable);
    this.#pending.delete(path);
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #change(path: string, change: (tree: Tree) => void): void {
    this.onStep();
    change(this.#now);
    const directory = path.slice(0, path.lastIndexOf("/"));
    const changes = this.#pending.get(directory) ?? [];
    changes.push(change);
    this.#pending.set(directory, changes);
  }

  #torn(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const torn = bytes.slice(0, this.#random() % (bytes.length + 1));
    torn.fill(0, this.#random() % (torn.length + 1));
    return torn;
  }
}

function fault(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
