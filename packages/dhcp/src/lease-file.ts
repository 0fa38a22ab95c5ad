import { open, readFile, rename, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { DecodeError } from "@ingot/wire";
import { DhcpError } from "./errors.ts";
import { LeaseIndex } from "./lease-index.ts";
import { LEASE_LOG_HEADER, decodeLeaseRecord, encodeLeaseRecord } from "./lease-record.ts";
import type { LeaseRecord } from "./lease-record.ts";
import type { Lease, LeaseStore } from "./lease.ts";
import { LEASE_LOG_SLACK_RECORDS, MAX_LEASE_LOG_BYTES, MAX_LEASE_RECORD_BYTES } from "./limits.ts";

interface Waiting {
  readonly record: LeaseRecord;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Leases in an append-only log (`docs/formats/leases.md`). Changes that arrive while the disk is busy share one flush. The log is
 * rewritten (temporary file, flush, rename, flush of the directory) when it holds far more records than leases, after
 * damage was found at opening, and after a write that failed.
 */
export class LeaseFile implements LeaseStore {
  readonly #path: string;
  readonly #leases: LeaseIndex;
  /** Lines that could not be read at opening: a torn tail after a power cut, or damage. They are gone from the log now. */
  readonly damagedRecordCount: number;
  #log: FileHandle | undefined;
  #recordCount = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closed = false;

  private constructor(path: string, leases: LeaseIndex, damagedRecordCount: number) {
    this.#path = path;
    this.#leases = leases;
    this.damagedRecordCount = damagedRecordCount;
  }

  /**
   * Opens the log at `path`, or begins one; the directory must exist. Throws `DhcpError` `lease-log-damaged` when the
   * file is there but is not a lease log of this version. The caller makes sure that one process at a time has it open.
   */
  static async open(path: string): Promise<LeaseFile> {
    const { leases, damagedRecordCount } = await readLog(path);
    const file = new LeaseFile(path, leases, damagedRecordCount);
    await file.#rewrite();
    return file;
  }

  load(): Promise<readonly Lease[]> {
    return Promise.resolve(this.#leases.list());
  }

  save(lease: Lease): Promise<void> {
    return this.#append({ kind: "save", lease });
  }

  delete(client: string): Promise<void> {
    return this.#append({ kind: "delete", client });
  }

  /** Writes what is waiting and closes the file; may be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #append(record: LeaseRecord): Promise<void> {
    if (this.#closed)
      return Promise.reject(new DhcpError("lease-log-closed", `lease log ${this.#path}: already closed`));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ record, resolve, reject });
    this.#writing ??= this.#writeWaiting();
    return promise;
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#write(batch.map(({ record }) => record));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(records: readonly LeaseRecord[]): Promise<void> {
    const log = this.#log;
    if (log === undefined || this.#recordCount > this.#leases.size + LEASE_LOG_SLACK_RECORDS) {
      await this.#rewrite(records);
    } else {
      // Until the flush has succeeded nobody knows what stands at the log's end, so a failure leaves no log to append to.
      this.#log = undefined;
      try {
        await log.appendFile(records.map(encodeLeaseRecord).join(""));
        await log.datasync();
      } catch (error) {
        await log.close();
        throw error;
      }
      this.#log = log;
      this.#recordCount += records.length;
    }
    for (const record of records) apply(this.#leases, record);
  }

  /** Puts a new log with today's leases and `records` in the old one's place. A crash leaves the one or the other. */
  async #rewrite(records: readonly LeaseRecord[] = []): Promise<void> {
    const former = this.#log;
    this.#log = undefined;
    await former?.close();
    const lines: LeaseRecord[] = [
      ...Array.from(this.#leases.list(), (lease) => ({ kind: "save", lease }) as const),
      ...records,
    ];
    const temporary = `${this.#path}.new`;
    const log = await open(temporary, "w", 0o600);
    try {
      await log.appendFile(LEASE_LOG_HEADER + lines.map(encodeLeaseRecord).join(""));
      await log.sync();
      await rename(temporary, this.#path);
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      await log.close();
      throw error;
    }
    this.#log = log;
    this.#recordCount = lines.length;
  }
}

interface ReadResult {
  readonly leases: LeaseIndex;
  readonly damagedRecordCount: number;
}

async function readLog(path: string): Promise<ReadResult> {
  const leases = new LeaseIndex();
  if (!(await exists(path))) return { leases, damagedRecordCount: 0 };
  const text = await readFile(path, "utf8");
  if (!text.startsWith(LEASE_LOG_HEADER)) {
    throw new DhcpError(
      "lease-log-damaged",
      `lease log ${path}: got ${JSON.stringify(text.slice(0, 20))} at the start, expected ${JSON.stringify(LEASE_LOG_HEADER)}`,
    );
  }
  let damagedRecordCount = 0;
  const lines = text.slice(LEASE_LOG_HEADER.length).split("\n");
  // What follows the last line feed is empty, or a record that was never finished.
  if (lines.pop() !== "") damagedRecordCount++;
  for (const line of lines) {
    const record = readRecord(line);
    if (record === undefined) damagedRecordCount++;
    else apply(leases, record);
  }
  return { leases, damagedRecordCount };
}

/** `undefined` for a damaged line, which the caller counts: one bad line must not cost everybody else's lease. */
function readRecord(line: string): LeaseRecord | undefined {
  if (line.length > MAX_LEASE_RECORD_BYTES) return undefined;
  try {
    return decodeLeaseRecord(line);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    const { size } = await stat(path);
    if (size > MAX_LEASE_LOG_BYTES) {
      throw new DhcpError(
        "lease-log-damaged",
        `lease log ${path}: ${size} bytes, at most ${MAX_LEASE_LOG_BYTES} are read`,
      );
    }
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}

function apply(leases: LeaseIndex, record: LeaseRecord): void {
  if (record.kind === "delete") leases.remove(record.client);
  else leases.put(record.lease);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
