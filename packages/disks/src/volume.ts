/**
 * A file whose durability is spelled out. The operating system's files (`OsVolume`) and the crash device of
 * `@ingot/testkit/crash` both have this shape.
 */
export interface DurableFile {
  /** Fills `into` from `offset`, or throws when the file ends before. MAY answer at once (see `os-volume-file.ts`). */
  read(offset: number, into: Uint8Array): void | Promise<void>;
  /** Brings the range into the operating system's cache, so that it can be read at once; it is not given to anybody. */
  bringIn?(offset: number, lengthBytes: number): Promise<void>;
  /** Tells that the range has just been read or written by way of another handle: it is in the operating system's cache. */
  noteCached?(offset: number, lengthBytes: number): void;
  /** Writes all of `bytes`, extending the file where needed. Not durable before `sync`. */
  write(offset: number, bytes: Uint8Array): void | Promise<void>;
  /** After it resolves, everything written before the call survives a power cut (the name does not: see Volume). */
  sync(): Promise<void>;
  /** Cuts or extends (with a hole) the file. Not durable before `sync`. */
  truncate(sizeBytes: number): Promise<void>;
  /** Makes the range read as zeros and gives its space back. False, and nothing done, where that is impossible. */
  punchHole(offset: number, lengthBytes: number): boolean | Promise<boolean>;
  /** The file's length, and the space it takes up (a sparse file takes up less). */
  measure(): Promise<{ sizeBytes: number; storedBytes: number }>;
  /** May be called twice. */
  close(): Promise<void>;
}

/** A directory of durable files. Names are plain: no separators. */
export interface Volume {
  /**
   * UUID of the operating system's present run (proc(5), `random/boot_id`). While it is the same, what a process wrote
   * and did not sync is still there, although the process may have ended.
   */
  readonly bootId: string;
  /** `create` makes an empty file, or empties the one that is there; `existing` rejects (ENOENT) when there is none. */
  open(name: string, how: "create" | "existing"): Promise<DurableFile>;
  /** Atomic, replaces `to`. Not durable before `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Not durable before `syncDirectory`. */
  remove(name: string): Promise<void>;
  /** After it resolves, every create, rename and remove made before the call survives a power cut. */
  syncDirectory(): Promise<void>;
  /** The names of all files. */
  list(): Promise<string[]>;
}

/** A directory whose files are only looked at. */
export interface ReadOnlyVolume {
  /** Rejects (ENOENT) when there is no such file. */
  openReadOnly(name: string): Promise<Pick<DurableFile, "read" | "close">>;
}
