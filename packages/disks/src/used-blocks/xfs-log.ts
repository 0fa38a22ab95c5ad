import { type ByteReader, readBytes } from "./byte-reader.ts";
import { MAX_XFS_RECORD_BLOCKS } from "./limits.ts";
import type { XfsSuperblock } from "./xfs-superblock.ts";

const BLOCK_BYTES = 512;
const RECORD_MAGIC = 0xfeed_babe;
const VERSION_2 = 2;
/** Bytes of a record for which one header has room. */
const HEADER_BYTES = 32 * 1024;
const OPERATION_FLAGS_AT = 9;
const OPERATION_UNMOUNT = 0x20;

/**
 * Whether the log of an XFS ends with the record of an unmount, so that nothing in it has to be replayed. (XFS Algorithms & Data Structures,
 * 3rd edition, "Journaling Log"; Linux, fs/xfs/xfs_log_recover.c, `xlog_find_tail`.)
 */
export async function isLogClean(reader: ByteReader, superblock: XfsSuperblock): Promise<boolean> {
  const log = new Log(reader, superblock);
  const head = await log.findHead();
  const start = await log.findRecordBefore(head);
  return start !== undefined && (await log.isUnmount(start, head));
}

/** Blocks of 512 bytes, each of which begins with the number of the cycle in which it was written. */
class Log {
  readonly #reader: ByteReader;
  readonly #offset: number;
  readonly #blockCount: number;

  constructor(reader: ByteReader, { logOffset, logBytes }: XfsSuperblock) {
    this.#reader = reader;
    this.#offset = logOffset;
    this.#blockCount = Math.floor(logBytes / BLOCK_BYTES);
  }

  /** The first block that is of the same cycle as the last one: the newer ones end before it. The end of the log when all are of one cycle. */
  async findHead(): Promise<number> {
    const last = await this.#cycleOf(this.#blockCount - 1);
    if ((await this.#cycleOf(0)) === last) return this.#blockCount;
    let newer = 0;
    let older = this.#blockCount - 1;
    while (older - newer > 1) {
      const middle = Math.floor((newer + older) / 2);
      if ((await this.#cycleOf(middle)) === last) older = middle;
      else newer = middle;
    }
    return older;
  }

  /** The header of the last record before a block. */
  async findRecordBefore(head: number): Promise<number | undefined> {
    for (let block = head - 1; block >= Math.max(0, head - MAX_XFS_RECORD_BLOCKS); block--) {
      if ((await this.#read(block)).getUint32(0) === RECORD_MAGIC) return block;
    }
    return undefined;
  }

  /** Whether the record that begins there is that of an unmount, and the last one before `head`. */
  async isUnmount(start: number, head: number): Promise<boolean> {
    const header = await this.#read(start);
    const lengthBytes = header.getUint32(12);
    // h_size, of which the number of headers follows.
    const sizeBytes = header.getUint32(320);
    const headers = sizeBytes > HEADER_BYTES ? Math.ceil(sizeBytes / HEADER_BYTES) : 1;
    const isLast =
      header.getUint32(8) === VERSION_2 &&
      header.getUint32(4) === (await this.#cycleOf(head - 1)) &&
      header.getUint32(40) === 1 &&
      headers <= MAX_XFS_RECORD_BLOCKS &&
      start + headers + Math.ceil(lengthBytes / BLOCK_BYTES) === head &&
      start + headers < head;
    if (!isLast) return false;
    return ((await this.#read(start + headers)).getUint8(OPERATION_FLAGS_AT) & OPERATION_UNMOUNT) !== 0;
  }

  async #cycleOf(block: number): Promise<number> {
    const view = await this.#read(block);
    return view.getUint32(view.getUint32(0) === RECORD_MAGIC ? 4 : 0);
  }

  async #read(block: number): Promise<DataView> {
    return new DataView((await readBytes(this.#reader, this.#offset + block * BLOCK_BYTES, BLOCK_BYTES)).buffer);
  }
}
