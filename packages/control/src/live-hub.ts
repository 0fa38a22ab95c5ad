import type { LiveMessage } from "@ingot/api";
import { ControlError } from "./errors.ts";
import { MAX_STREAMS, MAX_WAITING_ENDED_SESSIONS, MAX_WAITING_EVENTS } from "./limits.ts";

/** One reader of live messages. */
export interface LiveReader {
  /** The next message; waits until there is one. `undefined` once the reader or the hub is closed. `overrun`: events were lost, begin again. */
  next(): Promise<LiveMessage | "overrun" | undefined>;
  /** Ends waiting and takes the reader out. Idempotent. */
  close(): void;
}

/**
 * Passes live messages to any number of readers. A reader that does not keep up costs a bounded amount of memory: of each
 * object it gets only the newest state, and when too many events wait for it they are dropped and it is told so.
 */
export class LiveHub {
  readonly #mailboxes = new Set<Mailbox>();

  /** How many readers there are. Publishing to none costs nothing, but building a message may. */
  get readerCount(): number {
    return this.#mailboxes.size;
  }

  /** @throws ControlError `busy` where there are too many readers already. */
  open(): LiveReader {
    if (this.#mailboxes.size >= MAX_STREAMS) {
      throw new ControlError("busy", `${MAX_STREAMS} event streams are open already; close one and try again`);
    }
    const mailbox = new Mailbox(() => this.#mailboxes.delete(mailbox));
    this.#mailboxes.add(mailbox);
    return mailbox;
  }

  /** Gives a message to every reader. Never waits. */
  publish(message: LiveMessage): void {
    for (const mailbox of this.#mailboxes) mailbox.put(message);
  }

  /** Ends every reader. */
  close(): void {
    for (const mailbox of this.#mailboxes) mailbox.close();
  }
}

class Mailbox implements LiveReader {
  /** In the order of the first unread message of each key. */
  readonly #waiting = new Map<string, LiveMessage>();
  readonly #onClose: () => void;
  #events = 0;
  #overrun = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  put(message: LiveMessage): void {
    if (message.type === "event") {
      if (this.#events >= MAX_WAITING_EVENTS) {
        for (const key of this.#waiting.keys()) if (key.startsWith("event ")) this.#waiting.delete(key);
        this.#events = 0;
        this.#overrun = true;
      }
      this.#events += 1;
    }
    this.#keep(message);
    this.#wake?.();
  }

  #keep(message: LiveMessage): void {
    const key = keyOf(message);
    if (message.type !== "sessions") {
      this.#waiting.set(key, message);
      return;
    }
    const joined = joinSessions(this.#waiting.get(key), message);
    if (joined.ended.length <= MAX_WAITING_ENDED_SESSIONS) {
      this.#waiting.set(key, joined);
      return;
    }
    this.#waiting.delete(key);
    this.#overrun = true;
  }

  async next(): Promise<LiveMessage | "overrun" | undefined> {
    while (!this.#closed && !this.#overrun && this.#waiting.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    if (this.#closed) return undefined;
    if (this.#overrun) {
      this.#overrun = false;
      return "overrun";
    }
    for (const [key, message] of this.#waiting) {
      this.#waiting.delete(key);
      if (message.type === "event") this.#events -= 1;
      return message;
    }
    return undefined;
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#onClose();
    this.#wake?.();
  }
}

type SessionsMessage = Extract<LiveMessage, { type: "sessions" }>;

/** One message that says what two said: of each session the newer state. */
function joinSessions(older: LiveMessage | undefined, newer: SessionsMessage): SessionsMessage {
  if (older?.type !== "sessions") return newer;
  const sessions = new Map(older.sessions.map((session) => [session.id, session]));
  for (const id of newer.ended) sessions.delete(id);
  for (const session of newer.sessions) sessions.set(session.id, session);
  return { type: "sessions", sessions: [...sessions.values()], ended: [...older.ended, ...newer.ended] };
}

/** Messages with the same key replace each other; those of sessions are joined. */
function keyOf(message: LiveMessage): string {
  switch (message.type) {
    case "hello":
    case "status":
    case "sessions":
      return message.type;
    case "machine":
      return `machine ${message.machine.id}`;
    case "group":
      return `group ${message.group.name}`;
    case "disk":
      return `disk ${message.disk.machine}`;
    case "image":
      return `image ${message.image.name}`;
    case "job":
      return `job ${message.job.id}`;
    case "task":
      return `task ${message.task.id}`;
    case "event":
      return `event ${message.event.id}`;
    case "removed":
      return `${message.what} ${message.id}`;
  }
}
