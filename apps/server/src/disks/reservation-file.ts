import { constants } from "node:fs";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { ReservationStore } from "@ingot/iscsi";

/** No reservations come near this (docs/formats/reservations.md); a longer file is something else. */
const MAX_BYTES = 65_536;

/**
 * The persistent reservations of one disk as a file, replaced as a whole (docs/formats/reservations.md). `path` is in a directory that exists
 * and that nobody cleans of unknown names; `<path>.new` is used too. At most one call of `save` at a time.
 */
export function openReservationFile(path: string): ReservationStore {
  return {
    async load() {
      const file = await openExisting(path);
      if (file === undefined) return undefined;
      try {
        const { size } = await file.stat();
        if (size > MAX_BYTES)
          throw new Error(`${path}: ${size} bytes, at most ${MAX_BYTES}: not a file of reservations`);
        return new Uint8Array(await file.readFile());
      } finally {
        await file.close();
      }
    },
    async save(bytes) {
      const next = `${path}.new`;
      const file = await open(next, "w", 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(next, path);
      await syncDirectory(dirname(path));
    },
  };
}

/** Nothing when there is no such file; any other failure is one. */
async function openExisting(path: string) {
  try {
    return await open(path, constants.O_RDONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
