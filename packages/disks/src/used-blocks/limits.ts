/** Ranges of a disk that are remembered, about 60 MiB of memory. Where free space is in more parts, the smallest are captured like used ones. */
export const MAX_USED_RANGES: number = 2 ** 20;

/** Bytes of a map of free space that are in memory at a time. */
export const MAP_PIECE_BYTES: number = 1024 * 1024;

/** Block groups of an ext file system: 512 TiB in groups of 128 MiB. */
export const MAX_EXT_GROUPS: number = 2 ** 22;

/** Bytes of an ext file system's group descriptors: those of 64 bytes for 128 TiB. */
export const MAX_EXT_DESCRIPTOR_BYTES: number = 64 * 1024 * 1024;

/** Bytes of an ext root directory in which a swap file is looked for. */
export const MAX_EXT_DIRECTORY_BYTES: number = 4 * 1024 * 1024;

/** Nodes of the extent tree of a swap file: 340 extents in each, so 16 TiB in extents of 128 MiB fit many times over. */
export const MAX_EXT_EXTENT_NODES = 4096;

/** Bytes of an NTFS $Bitmap: 128 TiB in clusters of 4 KiB. */
export const MAX_NTFS_BITMAP_BYTES: number = 2 ** 32;

/** Bytes of an NTFS root directory in which page files are looked for. */
export const MAX_NTFS_DIRECTORY_BYTES: number = 64 * 1024 * 1024;

/** Clusters of an exFAT root directory in which the allocation bitmap is looked for; formatting puts it first. */
export const MAX_EXFAT_ROOT_CLUSTERS = 1024;

/** Clusters of an exFAT allocation bitmap: 64 MiB of it in clusters of 512 bytes. */
export const MAX_EXFAT_BITMAP_CLUSTERS: number = 2 ** 17;

/** Allocation groups of an XFS: 16 TiB in groups of 16 MiB. */
export const MAX_XFS_GROUPS: number = 2 ** 20;

/** Levels of an XFS group's tree of free space: eight of at least 40 branches hold more blocks than a group has. */
export const MAX_XFS_LEVELS = 8;

/** Blocks of 512 bytes of the longest record of an XFS log, its headers included: 256 KiB and eight headers. */
export const MAX_XFS_RECORD_BLOCKS = 520;

/** Bytes of the metadata of an LVM volume group: some 10,000 logical volumes. */
export const MAX_LVM_METADATA_BYTES: number = 8 * 1024 * 1024;
