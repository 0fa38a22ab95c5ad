/** Whether what is on the screen is live: `lost` since a moment, with the moment of the next attempt. */
export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  | { readonly kind: "lost"; readonly sinceMs: number; readonly retryAtMs: number };

/** The part of the browser's `EventSource` that is used. */
export interface EventSourceLike {
  addEventListener(type: string, listener: (event: { readonly data?: string }) => void): void;
  close(): void;
}

export interface EventStreamOptions {
  readonly open: () => EventSourceLike;
  /** The names of the events to listen to. */
  readonly types: readonly string[];
  readonly onMessage: (data: string) => void;
  /** Called for every change; `live` comes after every (re)connection, when whatever was missed has to be loaded. */
  readonly onConnection: (connection: Connection) => void;
  readonly time: () => number;
  readonly after: (delayMs: number, run: () => void) => () => void;
}

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/**
 * Keeps a stream of server-sent events open for as long as the page lives.
 * The browser's own reconnection gives up for ever after an answer that is not 200 (a proxy in front of a server that restarts), so each
 * failure closes the source, and a new one is opened after a delay that doubles up to ten seconds.
 * Returns a function that ends it.
 */
export function keepEventStream(options: EventStreamOptions): () => void {
  let source: EventSourceLike | undefined;
  let cancelRetry: (() => void) | undefined;
  let retryMs = FIRST_RETRY_MS;
  let lostSinceMs: number | undefined;

  function connect(): void {
    cancelRetry = undefined;
    const opened = options.open();
    source = opened;
    opened.addEventListener("open", () => {
      retryMs = FIRST_RETRY_MS;
      lostSinceMs = undefined;
      options.onConnection({ kind: "live" });
    });
    opened.addEventListener("error", () => {
      if (source !== opened) return;
      opened.close();
      source = undefined;
      lostSinceMs ??= options.time();
      options.onConnection({ kind: "lost", sinceMs: lostSinceMs, retryAtMs: options.time() + retryMs });
      cancelRetry = options.after(retryMs, connect);
      retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
    });
    for (const type of options.types) {
      opened.addEventListener(type, (event) => {
        if (event.data !== undefined) options.onMessage(event.data);
      });
    }
  }

  options.onConnection({ kind: "connecting" });
  connect();
  return () => {
    cancelRetry?.();
    source?.close();
    source = undefined;
  };
}
