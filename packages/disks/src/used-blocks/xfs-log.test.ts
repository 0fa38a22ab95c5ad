import fc from "fast-check";
import { expect, test } from "vitest";

import { isLogClean } from "./xfs-log.ts";

const LOG_BLOCKS = 200;
const LOG_OFFSET = 8192;

/** A log as XFS writes it: records one behind the other, round and round, each block with the number of its cycle. */
class LogModel {
  readonly disk: Uint8Array = new Uint8Array(LOG_OFFSET + LOG_BLOCKS * 512);
  readonly #view = new DataView(this.disk.buffer);
  #head = 0;
  #cycle = 1;

  /** Writes a record with so many blocks of content; flags of its first operation. */
  write(blocks: number, flags: number, operations = 1): void {
    const header = this.#head;
    const cycle = this.#cycle;
    this.#put(0xfeed_babe);
    for (let i = 0; i < blocks; i++) this.#put(undefined);
    const at = LOG_OFFSET + header * 512;
    this.#view.setUint32(at + 4, cycle);
    this.#view.setUint32(at + 8, 2);
    this.#view.setUint32(at + 12, blocks * 512);
    this.#view.setUint32(at + 40, operations);
    this.#view.setUint32(at + 320, 32_768);
    this.#view.setUint8(LOG_OFFSET + ((header + 1) % LOG_BLOCKS) * 512 + 9, flags);
  }

  /** Blocks to the end of the log. */
  get left(): number {
    return LOG_BLOCKS - this.#head;
  }

  isClean(): Promise<boolean> {
    const { disk } = this;
    const reader = {
      sizeBytes: disk.length,
      read: async (offset: number, into: Uint8Array) => into.set(disk.subarray(offset, offset + into.length)),
    };
    const superblock = { blockBytes: 4096, sectorBytes: 512, blockCount: 0, groupBlocks: 0, groupCount: 0 };
    return isLogClean(reader, { ...superblock, logOffset: LOG_OFFSET, logBytes: LOG_BLOCKS * 512 });
  }

  #put(magic: number | undefined): void {
    const at = LOG_OFFSET + this.#head * 512;
    this.disk.fill(0, at, at + 512);
    this.#view.setUint32(at, magic ?? this.#cycle);
    this.#head += 1;
    if (this.#head < LOG_BLOCKS) return;
    this.#head = 0;
    this.#cycle += 1;
  }
}

test("a log is clean when its last record is that of an unmount, wherever that is", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.boolean()), { minLength: 1, maxLength: 60 }),
      async (records) => {
        const log = new LogModel();
        log.write(1, 0x20);
        for (const [blocks, isUnmount] of records)
          log.write(isUnmount ? 1 : blocks, isUnmount ? 0x20 : 1, isUnmount ? 1 : 9);
        const isUnmounted = records.at(-1)?.[1] === true;
        // A record across the log's end is not followed: such a log counts as one to be replayed.
        const isAcross = log.left === LOG_BLOCKS - 1;
        expect(await log.isClean()).toBe(isUnmounted && !isAcross);
      },
    ),
  );
});

test.each([
  ["has never been written", 0, 0, 0],
  ["ends with a record of other operations", 1, 1, 1],
  ["ends with a longer record that has the flag", 2, 0x20, 7],
])("a log that %s is not clean", async (_name, blocks, flags, operations) => {
  const log = new LogModel();
  if (blocks > 0) log.write(blocks, flags, operations);
  expect(await log.isClean()).toBe(false);
});
