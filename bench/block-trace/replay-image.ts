import { open } from "node:fs/promises";
import { BLOCK_BYTES, type BlockTrace } from "./block-trace.ts";
import { stampedSectors } from "./sector-stamp.ts";

/** Sectors in whole 4 KiB. */
const PAGE_BLOCKS = 4096 / BLOCK_BYTES;
/** Sectors written at a time. */
const MAX_WRITE_BLOCKS = 8192;

interface BlockRange {
  readonly lba: number;
  readonly blocks: number;
}

function pagesRead(trace: BlockTrace): Set<number> {
  const pages = new Set<number>();
  for (const command of trace.commands) {
    if (command.kind !== "read") continue;
    const end = command.lba + command.blocks;
    for (let page = Math.floor(command.lba / PAGE_BLOCKS); page * PAGE_BLOCKS < end; page++) pages.add(page);
  }
  return pages;
}

/** What a trace reads, in whole 4 KiB, ascending and without overlap. */
export function rangesRead(trace: BlockTrace): BlockRange[] {
  const ranges: { lba: number; blocks: number }[] = [];
  for (const page of [...pagesRead(trace)].toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last.lba + last.blocks === page * PAGE_BLOCKS) last.blocks += PAGE_BLOCKS;
    else ranges.push({ lba: page * PAGE_BLOCKS, blocks: PAGE_BLOCKS });
  }
  return ranges;
}

/**
 * Writes a raw image of the trace's size that has content where the trace reads, and holes elsewhere. Each sector tells its place,
 * see `sector-stamp.ts`. Returns the bytes of content.
 */
export async function writeReplayImage(path: string, trace: BlockTrace): Promise<number> {
  const handle = await open(path, "wx");
  let bytes = 0;
  try {
    await handle.truncate(trace.diskBytes);
    for (const { lba, blocks } of rangesRead(trace)) {
      for (let done = 0; done < blocks; done += MAX_WRITE_BLOCKS) {
        const content = stampedSectors(lba + done, Math.min(MAX_WRITE_BLOCKS, blocks - done), "image");
        await handle.write(content, 0, content.length, (lba + done) * BLOCK_BYTES);
        bytes += content.length;
      }
    }
  } finally {
    await handle.close();
  }
  return bytes;
}

/** Takes back what a replayed boot wrote to a copy of such an image: its pages have content again, or zeros. */
export async function restoreReplayImage(path: string, trace: BlockTrace): Promise<void> {
  const pages = pagesRead(trace);
  const handle = await open(path, "r+");
  try {
    for (const command of trace.commands) {
      if (command.kind !== "write") continue;
      for (let lba = command.lba; lba < command.lba + command.blocks; lba++) {
        const hasContent = pages.has(Math.floor(lba / PAGE_BLOCKS));
        const content = hasContent ? stampedSectors(lba, 1, "image") : Buffer.alloc(BLOCK_BYTES);
        await handle.write(content, 0, BLOCK_BYTES, lba * BLOCK_BYTES);
      }
    }
  } finally {
    await handle.close();
  }
}
