/** Longest name of a machine, group, site, image or tag, in characters. */
export const MAX_NAME_LENGTH: number = 63;

/** Most entries that one page of a list may hold. */
export const MAX_PAGE_SIZE: number = 1000;

/** Entries of a page when the request names no limit. */
export const DEFAULT_PAGE_SIZE: number = 100;

/** Most network cards that one machine may be known by: docks and adapters come and go, no real machine has more. */
export const MAX_MACS_PER_MACHINE: number = 16;

/** Longest free text (comments, descriptions), in characters. */
export const MAX_TEXT_LENGTH: number = 500;

/** Largest image that may be uploaded: 64 TiB, the largest VHDX. */
export const MAX_IMAGE_BYTES: number = 64 * 2 ** 40;

/** Largest payload of one record of the sparse upload format: 1 MiB. */
export const MAX_RECORD_BYTES: number = 2 ** 20;

/** Offsets and lengths of the sparse upload format are multiples of this. */
export const SECTOR_BYTES: number = 512;

/** Most disks that one machine may report. */
export const MAX_DISKS_PER_MACHINE: number = 128;

/** Longest single fact that an agent may say of its machine (a serial number, a model), in characters. */
export const MAX_FACT_TEXT: number = 200;

/** Most machines and groups that one job may name. */
export const MAX_JOB_TARGETS: number = 5000;

/** Most waves of a job. */
export const MAX_WAVES: number = 20;

/** Most files that a deployment writes into the new system. */
export const MAX_INJECTED_FILES: number = 32;

/** Largest such file, in characters, before its placeholders are filled in. */
export const MAX_INJECTED_CHARACTERS: number = 64 * 1024;
