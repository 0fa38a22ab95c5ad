/** Heartbeats go out this often while the server answers. */
export const HEARTBEAT_MS: number = 10_000;

/** First wait after a failed request; doubles up to `MAX_BACK_OFF_MS`, with jitter. */
export const MIN_BACK_OFF_MS: number = 1_000;

/** Longest wait between two tries: a server that comes back has its whole fleet again after a minute. */
export const MAX_BACK_OFF_MS: number = 60_000;

/** The same in the middle of a task, which waits for the server. */
export const MAX_TASK_BACK_OFF_MS: number = 10_000;

/** Longest silence of the server within one request. */
export const REQUEST_TIMEOUT_MS: number = 30_000;

/** Largest JSON answer that is read. */
export const MAX_ANSWER_BYTES: number = 4 * 2 ** 20;

/** Largest manifest that is read: some 60 bytes an extent, 64 TiB of the smallest chunks is beyond any disk that we fill. */
export const MAX_MANIFEST_BYTES: number = 512 * 2 ** 20;

/** Below this charge a machine on battery is not written: an empty battery in the middle leaves a machine that does not boot. */
export const MIN_BATTERY_PERCENT: number = 30;

/** Most partition entries that a GPT may have here: the usual 128, and room for those who made the table larger. */
export const MAX_GPT_ENTRIES: number = 1024;

/** Largest template that is written into a file of the target. */
export const MAX_INJECTED_BYTES: number = 2 ** 20;

/** Output of a program that is kept: the last lines say what went wrong. */
export const MAX_PROGRAM_OUTPUT_BYTES: number = 8 * 2 ** 20;
