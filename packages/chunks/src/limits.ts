/** Every length and count in a stored file is compared with one of these before it sizes anything. */

/** Unit of images, extents and plain chunk lengths, in bytes. */
export const SECTOR_BYTES = 512;

/** Grid of chunk boundaries, in bytes: page size, and cluster size of the common file systems. */
export const BLOCK_BYTES = 4096;

/** A chunk is cut no earlier, except at the end of a data run: 16 blocks. */
export const MIN_CHUNK_BYTES: number = 64 * 1024;

/** A chunk is cut at the latest here: 256 blocks. */
export const MAX_CHUNK_BYTES: number = 1024 * 1024;

/** A run of zero blocks inside an image is an extent of its own from this length on. */
export const MIN_ZERO_RUN_BYTES: number = 16 * BLOCK_BYTES;

/** Largest pack file: 4 MiB. */
export const MAX_PACK_BYTES: number = 4 * 1024 * 1024;

/** Entries of one pack; 4 MiB of chunks of one block each would be 1024, of single sectors 8192. */
export const MAX_PACK_ENTRIES = 16_384;

/** Packs named by one index segment. */
export const MAX_SEGMENT_PACKS: number = 2 ** 20;

/** A writer starts the next index segment when one holds this many entries (about 45 MB). */
export const SEGMENT_ENTRIES: number = 2 ** 20;

/** Largest index segment that is read: `SEGMENT_ENTRIES` plus one pack, with room for the pack headers of single-entry packs. */
export const MAX_SEGMENT_BYTES: number = 128 * 1024 * 1024;

/** Index segments on disk before they are rewritten into few. */
export const MAX_SEGMENTS = 16;

/** Largest image: 1 PiB, well inside the exact integers of a number. */
export const MAX_IMAGE_BYTES: number = 2 ** 50;

/** Extents of one manifest: 4 TiB of chunks of average size. */
export const MAX_EXTENTS: number = 2 ** 24;

/** Largest manifest that is read: `MAX_EXTENTS` chunk extents of 40 bytes, and 1 MiB for the rest. */
export const MAX_MANIFEST_BYTES: number = MAX_EXTENTS * 40 + 1024 * 1024;

/** Encoded partition facts. */
export const MAX_PARTITION_FACTS_BYTES = 65_536;

/** A file with a signing key; one in PEM has about 120. */
export const MAX_KEY_FILE_BYTES = 4096;

/** Partitions in the facts; GPT tables have 128 entries unless somebody asked for more. */
export const MAX_PARTITIONS = 128;

/** A partition's name in UTF-8: 36 UTF-16 units of GPT, at most 3 bytes each (and twice that for safety). */
export const MAX_PARTITION_NAME_BYTES = 216;

/** How much of the start of an image is looked at for a partition table. */
export const PARTITION_TABLE_WINDOW_BYTES: number = 1024 * 1024;

/** Largest stretch of a pack that one HTTP request asks for; any single chunk fits. */
export const MAX_HTTP_RANGE_BYTES: number = 1024 * 1024;

/** Bytes of a pack that nobody wants and that are fetched all the same, to make one request of two. */
export const MAX_HTTP_GAP_BYTES: number = 16 * 1024;

/** Largest list of index segments that is read from a server. */
export const MAX_HTTP_LISTING_BYTES: number = 256 * 1024;

/** Most index segments that are read from one server: 16 TiB of chunks of average size. */
export const MAX_HTTP_SEGMENTS = 64;
