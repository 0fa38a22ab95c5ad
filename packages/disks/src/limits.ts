/** The unit of addressing of every disk, and the unit in which a power cut keeps or loses a write. */
export const SECTOR_BYTES = 512;

/** The unit of copy-on-write: one page of the page cache, one block of the usual file systems. */
export const BLOCK_BYTES = 4096;

/** The largest disk an overlay can describe: block numbers and counts have 32 bits, 16 TiB. */
export const MAX_OVERLAY_BYTES: number = (2 ** 32 - 1) * BLOCK_BYTES;

/** A map file's journal is folded into a new checkpoint when it has grown to this, and to twice its checkpoint. */
export const MIN_JOURNAL_BYTES: number = 1024 * 1024;

/** Changes of block states that an overlay notes before it flushes of its own accord: 1 MiB of its file `recent`. */
export const MAX_RECENT_CHANGES = 65_536;

/** Fetched chunks that may wait in memory for their write to the backing; beyond it, fetching waits for writing. */
export const MAX_WRITE_BEHIND_BYTES: number = 64 * 1024 * 1024;

/** A replica makes its have-bits durable whenever this much was written since the last time. */
export const HAVE_COMMIT_BYTES: number = 64 * 1024 * 1024;

/** Chunks fetched ahead of a sequential reader, at most: 8 × 256 KiB, enough for one round trip at 1 Gbit/s. */
export const MAX_READ_AHEAD_CHUNKS = 8;

/** Chunks that a view of a replica keeps in memory until they are in the backing, at most: 16 MiB. */
export const MAX_PROVIDED_CHUNKS = 16;

/** Chunks of one boot trace: 4 GiB at their average size, several times what any system reads while it boots. */
export const MAX_TRACE_CHUNKS = 16_384;

/** Recordings that a boot trace is made of; machines that boot later are not recorded. */
export const MAX_TRACE_BOOTS = 8;

/** Largest boot trace that is read: its header, its entries, its checksum. */
export const MAX_TRACE_BYTES: number = 60 + MAX_TRACE_CHUNKS * 4;

/** Chunks with a bit that are hashed again before a deployment believes its map: one wrong in a hundred is found 12 times out of 13. */
export const RESUME_SAMPLE_CHUNKS = 256;

/** Chunks that are looked at on a disk before it is taken to hold nothing of the image; one right among 200 would most likely be seen. */
export const FOREIGN_SAMPLE_CHUNKS = 1024;

/** Unsaved bits of a deployment become durable after this time, however few they are. */
export const HAVE_COMMIT_MS = 1000;

/** Plain bytes of moved chunks that wait in memory because their source is about to be overwritten. */
export const MAX_MOVE_BYTES: number = 64 * 1024 * 1024;
