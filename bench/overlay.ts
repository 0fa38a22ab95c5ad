/**
 * What one overlay does on this machine, without iSCSI: 4 KiB operations per second, one at a time, over a filled raw base in
 * the page cache. `node bench/overlay.ts [OPERATIONS]`; 256 MiB below the temporary directory. No peer to compare with:
 * the figures show where the time of an iSCSI request does not go.
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OsVolume, Overlay, RawDisk } from "@ingot/disks";

const SIZE_BYTES = 128 * 1_048_576;
const BLOCK_BYTES = 4096;
const operations = Number(process.argv[2] ?? 30_000);

/** Blocks in a scattered order that is the same every time: a step that is prime to the number of blocks. */
function* scattered(): Generator<number> {
  const blockCount = SIZE_BYTES / BLOCK_BYTES;
  for (let i = 0; i < operations; i++) yield ((i * 7919) % blockCount) * BLOCK_BYTES;
}

async function measure(what: string, operation: (offset: number) => void | Promise<void>): Promise<void> {
  const begin = process.hrtime.bigint();
  let waited = 0;
  for (const offset of scattered()) {
    const pending = operation(offset);
    if (pending === undefined) continue;
    waited += 1;
    await pending;
  }
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  const rate = Math.round(operations / seconds).toLocaleString("en");
  process.stdout.write(
    `${what.padEnd(34)} ${rate.padStart(10)} per second, ${waited} of ${operations} by the thread pool\n`,
  );
}

const directory = await mkdtemp(join(tmpdir(), "ingot-bench-overlay-"));
try {
  const handle = await open(join(directory, "base.raw"), "w");
  for (let at = 0; at < SIZE_BYTES; at += 1_048_576) await handle.write(new Uint8Array(1_048_576).fill(at & 255), 0);
  await handle.close();
  const volume = await OsVolume.open(directory);
  const base = await RawDisk.open(await volume.open("base.raw", "existing"), { readOnly: true });
  const baseId = "00".repeat(32);
  let overlay = await Overlay.open({ volume: await volume.subdirectory("copied-up"), base, baseId });
  const block = new Uint8Array(BLOCK_BYTES).fill(7);

  await measure("read of the base, first", (offset) => overlay.read(offset, block));
  await measure("read of the base, again", (offset) => overlay.read(offset, block));
  await measure("write of 512 bytes, copied up", (offset) => overlay.write(offset, block.subarray(0, 512)));
  await overlay.close();
  overlay = await Overlay.open({ volume: await volume.subdirectory("overlay"), base, baseId });
  await measure("write, first", (offset) => overlay.write(offset, block));
  await overlay.flush();
  await measure("write, again", (offset) => overlay.write(offset, block));
  await overlay.flush();
  await measure("read of the overlay", (offset) => overlay.read(offset, block));
  await overlay.close();
  await base.close();
} finally {
  await rm(directory, { recursive: true });
}
