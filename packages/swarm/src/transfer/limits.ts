/** Plain bytes of one chunk at most, as in every manifest. */
export const MAX_CHUNK_BYTES: number = 1024 * 1024;

/** Threads of one engine. */
export const MAX_THREADS = 64;

/** Bytes of an HTTP head, asked or answered; a list of chunk ranges of a piece of 4 MiB is well below. */
export const MAX_HEAD_BYTES: number = 16 * 1024;

/** Bytes of an answer without a piece that are read and thrown away, so that the connection can be used again. */
export const MAX_REFUSAL_BYTES: number = 4 * 1024;

/** Bytes that are read, and handed to TLS, at a time: large enough that system calls and callbacks do not count, small enough for the caches. */
export const SEND_BUFFER_BYTES: number = 256 * 1024;

/** Ranges of chunks in one request. */
export const MAX_CHUNK_RANGES = 512;

/** Connections that the bulk door accepts, for each thread. */
export const MAX_CONNECTIONS = 512;

/** A client has so long for TLS. */
export const HANDSHAKE_MS = 10_000;

/** A client that says nothing, or does not read what it asked for, is let go after so long. */
export const UPLOAD_STALL_MS = 30_000;

/** A connection that was not used for so long is closed by the client; the server waits twice as long. */
export const IDLE_CONNECTION_MS = 15_000;

/** Idle connections that a thread keeps to one door. */
export const MAX_IDLE_CONNECTIONS = 4;

/** Without a byte for so long a fetch has stalled, unless the caller says otherwise. */
export const FETCH_STALL_MS = 2000;

/** Pack files that a thread keeps open. */
export const MAX_OPEN_PACKS = 64;
