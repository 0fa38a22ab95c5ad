/**
 * What a directory store needs of a file system. Paths are relative to the store, with `/`.
 * `node-file.ts` is the real one; tests have one that loses what was not synced.
 * Errors are those of Node (`code` `ENOENT`, `ENOSPC`, …).
 */
export interface StoreFiles {
  /** Creates the file with these bytes and syncs its content (not its name: that takes `syncDirectory`). MUST fail when it exists. */
  create(path: string, bytes: Uint8Array): Promise<void>;
  /** The whole file. */
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Exactly `length` bytes at `offset`; fewer when the file ends before. */
  readRange(path: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Bytes of the file. */
  size(path: string): Promise<number>;
  /** Atomically gives the file another name, replacing what is there. */
  rename(from: string, to: string): Promise<void>;
  /** Removes the file. */
  remove(path: string): Promise<void>;
  /** Names in the directory, in no order; empty when it does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** Creates the directory unless it is there; its parent exists. */
  makeDirectory(path: string): Promise<void>;
  /** Makes creations, renames and removals in the directory durable. */
  syncDirectory(path: string): Promise<void>;
  /** Closes what was kept open. Idempotent. */
  close(): Promise<void>;
}
