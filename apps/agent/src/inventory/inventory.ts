import type { Programs } from "../system/programs.ts";
import type { SystemFiles } from "../system/system-files.ts";
import type { Disk } from "./disk.ts";
import { readDisks } from "./disks.ts";
import { readDmi, type DmiFacts } from "./dmi.ts";
import { readFirmware, type FirmwareFacts } from "./firmware.ts";
import { readNics, type Addresses, type Nic } from "./nics.ts";
import { readPower, type PowerFacts } from "./power.ts";
import { readProcessor, type ProcessorFacts } from "./processor.ts";
import { readHealth } from "./smart.ts";

/** What the agent knows about its machine. */
export interface Inventory {
  readonly dmi: DmiFacts;
  readonly nics: readonly Nic[];
  readonly disks: readonly Disk[];
  readonly firmware: FirmwareFacts;
  readonly power: PowerFacts;
  readonly processor: ProcessorFacts;
}

/** Takes the inventory of this machine, each disk asked for its health. */
export async function readInventory(
  files: SystemFiles,
  programs: Programs,
  addresses: Addresses,
  signal?: AbortSignal,
): Promise<Inventory> {
  const disks = await Promise.all(
    readDisks(files).map(async (disk) => ({ ...disk, health: await readHealth(programs, disk, signal) })),
  );
  return {
    dmi: readDmi(files),
    nics: readNics(files, addresses),
    disks,
    firmware: readFirmware(files),
    power: readPower(files),
    processor: readProcessor(files),
  };
}
