import type { DiskBytes } from "../gpt/disk-bytes.ts";

const TABLE_OFFSET = 446;
const ENTRY_BYTES = 16;
/** An entry counts sectors in 32 bits. */
const MAX_SECTORS = 0xffffffff;

/**
 * Changes how long a primary partition of an MBR is. The old cylinder numbers of its end are set to the value that says
 * "too far to tell": every system since the nineties goes by the sector count.
 */
export function setMbrSectorCount(disk: DiskBytes, number: number, sectorCount: number): void {
  const sector = disk.read(0, disk.sectorBytes);
  const at = TABLE_OFFSET + (number - 1) * ENTRY_BYTES;
  sector.set([0xfe, 0xff, 0xff], at + 5);
  new DataView(sector.buffer, sector.byteOffset).setUint32(at + 12, Math.min(sectorCount, MAX_SECTORS), true);
  disk.write(0, sector);
  disk.sync();
}
