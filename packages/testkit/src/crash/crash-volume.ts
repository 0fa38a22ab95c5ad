import { type SeededRandom, seededRandom } from "../link/seeded-random.ts";
import { CrashFileContent } from "./crash-file.ts";

/** One call to the volume or to a file of it. */
export interface CrashOperation {
  readonly kind:
    | "open"
    | "rename"
    | "remove"
    | "syncDirectory"
    | "list"
    | "read"
    | "write"
    | "sync"
    | "truncate"
    | "punchHole"
    | "measure";
  /** The file's name when it was opened; empty for the directory. */
  readonly name: string;
}

/** How a volume behaves. */
export interface CrashVolumeOptions {
  /** Decides delays; the same seed and the same calls give the same behaviour. Default 0. */
  readonly seed?: number;
  /** Whether operations take effect after a few turns of the microtask queue, as a thread pool does. Default false. */
  readonly delays?: boolean;
  /** Called before each operation; what it throws is the operation's failure, and nothing is done. */
  readonly onOperation?: (operation: CrashOperation) => void;
}

/** The power is off: thrown by every operation after a cut, and by those that it hit. */
export class PowerCutError extends Error {
  override readonly name = "PowerCutError";
  /** Whether the operation had begun, so that the disk may have done a part of it. */
  readonly hadBegun: boolean;

  constructor(hadBegun: boolean) {
    super("crash volume: the power is off");
    this.hadBegun = hadBegun;
  }
}

type Names = Map<string, CrashFileContent>;
/** One atomic change of a directory: the names that it sets or (undefined) removes. */
type DirectoryChange = ReadonlyMap<string, CrashFileContent | undefined>;

/**
 * A directory of files in memory over a disk with a volatile cache. Whatever was not synced may be lost at a power
 * cut, sector by sector and in any order; so may creations, renames and removals before `syncDirectory`, each on its own.
 * Harsher than any one file system, so that what survives here survives on all.
 */
export class CrashVolume {
  /** How often the power came on: every number is another run of the operating system. */
  #bootCount = 1;
  readonly #options: CrashVolumeOptions;
  readonly #random: SeededRandom;
  #names: Names = new Map();
  #durableNames: Names = new Map();
  #pendingNames: DirectoryChange[] = [];
  #operationsLeft = Infinity;
  #isCut = false;

  constructor(options: CrashVolumeOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 0);
  }

  /** Lets `count` more operations begin; the next one is hit by the power cut. */
  cutPowerAfter(count: number): void {
    this.#operationsLeft = count;
  }

  /** UUID of the operating system's present run: the same after `kill`, another one after `crash`. */
  get bootId(): string {
    return `00000000-0000-4000-8000-${String(this.#bootCount).padStart(12, "0")}`;
  }

  /** Whether the power is off. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Cuts the power, if it is still on, and returns what the disk holds when it comes back. */
  crash(seed: number, options: CrashVolumeOptions = this.#options): CrashVolume {
    this.#isCut = true;
    const random = seededRandom(seed);
    const share = [0, 1, random()][Math.floor(random() * 3)] as number;
    const names = new Map(this.#durableNames);
    for (const change of this.#pendingNames) if (random() < share) applyNames(names, change);
    const successor = this.#successor(names, options, (content) => content.afterCrash(random));
    successor.#bootCount += 1;
    return successor;
  }

  /** Ends the process alone, as `kill -9` does: the operating system still has everything that was written. */
  kill(options: CrashVolumeOptions = this.#options): CrashVolume {
    this.#isCut = true;
    const copies = new Map<CrashFileContent, CrashFileContent>();
    const copyOf = (content: CrashFileContent): CrashFileContent => {
      const copy = copies.get(content) ?? content.afterKill();
      copies.set(content, copy);
      return copy;
    };
    const successor = this.#successor(this.#durableNames, options, copyOf);
    for (const change of this.#pendingNames) {
      successor.#rename(new Map([...change].map(([name, content]) => [name, content && copyOf(content)])));
    }
    return successor;
  }

  /** Opens a file: `create` makes or empties it, `existing` throws ENOENT where there is none. */
  async open(name: string, how: "create" | "existing"): Promise<CrashFile> {
    await this.#begin("open", name);
    let content = this.#names.get(name);
    if (content === undefined) {
      if (how === "existing") throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
      content = new CrashFileContent();
      this.#rename(new Map([[name, content]]));
    } else if (how === "create") {
      content.truncate(0);
    }
    return new CrashFile(content, (kind) => this.#begin(kind, name));
  }

  /** Atomic; replaces `to`. */
  async rename(from: string, to: string): Promise<void> {
    await this.#begin("rename", from);
    const content = this.#names.get(from);
    if (content === undefined) throw Object.assign(new Error(`ENOENT: ${from}`), { code: "ENOENT" });
    this.#rename(
      new Map<string, CrashFileContent | undefined>([
        [from, undefined],
        [to, content],
      ]),
    );
  }

  /** Open files of that name stay readable. */
  async remove(name: string): Promise<void> {
    await this.#begin("remove", name);
    if (!this.#names.has(name)) throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
    this.#rename(new Map([[name, undefined]]));
  }

  /** Makes creations, renames and removals durable. */
  async syncDirectory(): Promise<void> {
    const covered = [...this.#pendingNames];
    await this.#begin("syncDirectory", "");
    for (const change of covered) if (this.#pendingNames.includes(change)) applyNames(this.#durableNames, change);
    this.#pendingNames = this.#pendingNames.filter((change) => !covered.includes(change));
  }

  /** All names. */
  async list(): Promise<string[]> {
    await this.#begin("list", "");
    return [...this.#names.keys()];
  }

  /**
   * Counts the operation, lets it fail where the options say so, and returns when it shall take effect: at once
   * (nothing) or later. Throws PowerCutError when the power is off before.
   */
  #begin(kind: CrashOperation["kind"], name: string): void | Promise<void> {
    if (this.#isCut) throw new PowerCutError(false);
    this.#options.onOperation?.({ kind, name });
    this.#operationsLeft -= 1;
    if (this.#operationsLeft < 0) {
      this.#isCut = true;
      throw new PowerCutError(true);
    }
    const turns = this.#options.delays === true ? Math.floor(this.#random() * 6) : 0;
    if (turns > 0) return this.#wait(turns);
  }

  async #wait(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    if (this.#isCut) throw new PowerCutError(true);
  }

  #rename(change: DirectoryChange): void {
    this.#pendingNames.push(change);
    applyNames(this.#names, change);
  }

  #successor(
    names: Names,
    options: CrashVolumeOptions,
    contentAfter: (content: CrashFileContent) => CrashFileContent,
  ): CrashVolume {
    const successor = new CrashVolume(options);
    successor.#bootCount = this.#bootCount;
    for (const [name, content] of names) successor.#durableNames.set(name, contentAfter(content));
    successor.#names = new Map(successor.#durableNames);
    return successor;
  }
}

/** An open file of a CrashVolume. */
export class CrashFile {
  readonly #content: CrashFileContent;
  readonly #begin: (kind: CrashOperation["kind"]) => void | Promise<void>;
  #isClosed = false;

  constructor(content: CrashFileContent, begin: (kind: CrashOperation["kind"]) => void | Promise<void>) {
    this.#content = content;
    this.#begin = begin;
  }

  /** Fills `into`, at once or (with delays) later. */
  read(offset: number, into: Uint8Array): void | Promise<void> {
    return this.#do("read", () => this.#content.read(offset, into));
  }

  /** Takes effect in whole when its turn comes; a power cut while it waits may keep any of its sectors. */
  write(offset: number, bytes: Uint8Array): void | Promise<void> {
    return this.#doOrTear("write", () => this.#content.write(offset, bytes));
  }

  /** Makes what was written before the call durable. */
  async sync(): Promise<void> {
    const count = this.#content.changeCount;
    await this.#do("sync", () => this.#content.settle(count));
  }

  /** Cuts or extends. */
  async truncate(sizeBytes: number): Promise<void> {
    await this.#doOrTear("truncate", () => this.#content.truncate(sizeBytes));
  }

  /** Always possible here. */
  punchHole(offset: number, lengthBytes: number): boolean | Promise<boolean> {
    const punching = this.#doOrTear("punchHole", () => this.#content.punchHole(offset, lengthBytes));
    return punching === undefined ? true : punching.then(() => true);
  }

  /** Length, and the bytes that are not holes. */
  async measure(): Promise<{ sizeBytes: number; storedBytes: number }> {
    await this.#do("measure", () => undefined);
    return { sizeBytes: this.#content.sizeBytes, storedBytes: this.#content.storedBytes };
  }

  /** May be called twice, and after a power cut. */
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #do(kind: CrashOperation["kind"], effect: () => void): void | Promise<void> {
    if (this.#isClosed) throw new Error(`crash file: ${kind} after close`);
    const waiting = this.#begin(kind);
    if (waiting === undefined) return effect();
    return waiting.then(() => effect());
  }

  /** As `#do`, but the operation that a power cut hits has reached the cache, and may so reach the disk in part. */
  #doOrTear(kind: CrashOperation["kind"], effect: () => void): void | Promise<void> {
    try {
      return this.#do(kind, effect)?.catch((error: unknown) => tear(error, effect));
    } catch (error) {
      tear(error, effect);
    }
  }
}

function tear(error: unknown, effect: () => void): never {
  if (error instanceof PowerCutError && error.hadBegun) effect();
  throw error;
}

function applyNames(names: Names, change: DirectoryChange): void {
  for (const [name, content] of change) {
    if (content === undefined) names.delete(name);
    else names.set(name, content);
  }
}
