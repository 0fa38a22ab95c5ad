import { LISTEN_FIRST_MS, MAX_ANSWERS_PER_SECOND, MIN_MULTICAST_INTERVAL_MS, ROUTER_MEMORY_MS } from "./limits.ts";
import { decodeRouterMessage } from "./message.ts";
import type { ReceivedMessage } from "./message.ts";

/** All nodes on the link, ff02::1 (RFC 4291 §2.7.1). */
export const ALL_NODES: Uint8Array = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** All routers on the link, ff02::2. */
export const ALL_ROUTERS: Uint8Array = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);

/** Why a solicitation stays without an answer: a router is there, may be there, or enough was said for now. */
export type SilenceReason = "router-present" | "listening-first" | "rate-limit";

/** What is done about one message. */
export type Decision =
  | { readonly kind: "answer"; readonly destination: Uint8Array }
  | { readonly kind: "silence"; readonly reason: SilenceReason }
  | { readonly kind: "router-heard"; /** Nobody was known before. */ readonly isNews: boolean };

/**
 * Decides whom to tell that there is no IPv6 router. A link that has one must not hear from us: its own word is better, and
 * the two could be taken for a contradiction. Times are milliseconds of one clock that does not go back.
 */
export class Responder {
  readonly #startedMs: number;
  #routerUntilMs = Number.NEGATIVE_INFINITY;
  #lastMulticastMs = Number.NEGATIVE_INFINITY;
  #secondStartedMs = Number.NEGATIVE_INFINITY;
  #answersInSecond = 0;

  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  /** Throws `DecodeError` for a message that is to be dropped. */
  decide(received: ReceivedMessage, nowMs: number): Decision {
    const message = decodeRouterMessage(received);
    if (message.kind === "advertisement") {
      const isNews = nowMs >= this.#routerUntilMs;
      // A router may announce itself for longer than it is silent at most (RFC 8319).
      const memoryMs = Math.max(ROUTER_MEMORY_MS, message.lifetimeSeconds * 1000);
      this.#routerUntilMs = Math.max(this.#routerUntilMs, nowMs + memoryMs);
      return { kind: "router-heard", isNews };
    }
    if (nowMs < this.#routerUntilMs) return { kind: "silence", reason: "router-present" };
    if (nowMs < this.#startedMs + LISTEN_FIRST_MS) return { kind: "silence", reason: "listening-first" };
    if (!this.#mayAnswer(message.isAnonymous, nowMs)) return { kind: "silence", reason: "rate-limit" };
    // Who has no address yet cannot be answered but by telling all (RFC 4861 §6.2.6).
    return { kind: "answer", destination: message.isAnonymous ? ALL_NODES : received.source };
  }

  #mayAnswer(byMulticast: boolean, nowMs: number): boolean {
    if (byMulticast && nowMs < this.#lastMulticastMs + MIN_MULTICAST_INTERVAL_MS) return false;
    if (nowMs >= this.#secondStartedMs + 1000) {
      this.#secondStartedMs = nowMs;
      this.#answersInSecond = 0;
    }
    if (this.#answersInSecond >= MAX_ANSWERS_PER_SECOND) return false;
    this.#answersInSecond += 1;
    if (byMulticast) this.#lastMulticastMs = nowMs;
    return true;
  }
}
