import { AgentError } from "../errors.ts";
import type { FirmwareFacts } from "../inventory/firmware.ts";
import type { Programs } from "../system/programs.ts";
import { makeBootEntry } from "./boot-entry.ts";
import { DiskFile } from "./disk-file.ts";
import { finishTable } from "./finish-table.ts";
import { growFileSystem } from "./grow-file-system.ts";
import { inject, type Injection } from "./inject.ts";

/** What is to be done with a disk that holds its image. */
export interface AfterFillOptions {
  readonly diskPath: string;
  readonly diskBytes: number;
  readonly sectorBytes: number;
  readonly imageBytes: number;
  readonly grow: boolean;
  readonly bootEntry: boolean;
  /** The machine starts again at once, from this disk. */
  readonly bootsNext: boolean;
  readonly injection: Injection;
  readonly firmware: FirmwareFacts;
  readonly programs: Programs;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes the disk this machine's: table, growth, names and files, boot entry. Every step may be done again after a power
 * cut. Returns what was done, a sentence each. Errors: `partition-table`, `grow`, `injection`, `boot-entry`, `disk-write`.
 */
export async function afterFill(options: AfterFillOptions): Promise<readonly string[]> {
  const { diskPath, programs, signal } = options;
  using disk = new DiskFile(diskPath, options.diskBytes, options.sectorBytes);
  const { facts, growth } = finishTable(disk, options.imageBytes, options.grow);
  const notes: string[] = [];
  if (growth.grow) {
    await growFileSystem(programs, diskPath, growth.partition, growth.fileSystem, signal);
    notes.push(`grew partition ${growth.partition.number} to ${growth.sectorCount} sectors`);
  } else if (options.grow) {
    notes.push(`grew nothing: ${growth.reason}`);
  }
  const { injection } = options;
  if (injection.hostName !== undefined || injection.files.length > 0) {
    if (facts === undefined) throw new AgentError("injection", "the image has no partition table");
    notes.push(...(await inject(programs, diskPath, (at, length) => disk.read(at, length), facts, injection)));
  }
  if (options.bootEntry && options.firmware.mode === "uefi") {
    if (facts === undefined) throw new AgentError("boot-entry", "the image has no partition table");
    notes.push(await makeBootEntry(programs, diskPath, facts, options.bootsNext));
  }
  disk.sync();
  return notes;
}
