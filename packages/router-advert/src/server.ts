import { openRawIcmp6Socket } from "@ingot/linux";
import type { Icmp6Packet, Icmp6Socket } from "@ingot/linux";
import { DecodeError } from "@ingot/wire";
import { MessageType, encodeEmptyAdvertisement, encodeSolicitation } from "./message.ts";
import { ALL_ROUTERS, Responder } from "./responder.ts";
import type { Decision } from "./responder.ts";

/** How a responder is started. */
export interface RouterAdvertOptions {
  /** The interface's name. */
  readonly device: string;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  /** Told of each valid message; `source` is 16 bytes. */
  readonly onDecision: (decision: Decision, source: Uint8Array) => void;
  /** A message could not be sent. Nothing is tried twice: who got no answer asks again. */
  readonly onSendError: (error: unknown) => void;
  /** Receiving has failed, and with it everything. */
  readonly onReceiveError: (error: unknown) => void;
}

/** Messages since the start. */
export interface RouterAdvertCounters {
  readonly received: number;
  readonly answered: number;
  readonly malformed: number;
}

/** A running responder. */
export interface RouterAdvertServer {
  readonly counters: RouterAdvertCounters;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Answers router solicitations on one interface as `Responder` decides, and asks once itself, so that a router that is there
 * makes itself heard. Needs CAP_NET_RAW now and never later; throws `SystemCallError`.
 */
export function startRouterAdvertServer(options: RouterAdvertOptions): RouterAdvertServer {
  const { device, now } = options;
  const counters = { received: 0, answered: 0, malformed: 0 };
  const responder = new Responder(now());
  const advertisement = encodeEmptyAdvertisement();
  const socket: Icmp6Socket = openRawIcmp6Socket({
    device,
    types: Object.values(MessageType),
    group: ALL_ROUTERS,
    onPacket,
    onError: options.onReceiveError,
  });
  send(encodeSolicitation(), ALL_ROUTERS);

  function onPacket(packet: Icmp6Packet): void {
    counters.received += 1;
    let decision: Decision;
    try {
      decision = responder.decide(packet, now());
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      counters.malformed += 1;
      return;
    }
    if (decision.kind === "answer" && send(advertisement, decision.destination)) counters.answered += 1;
    options.onDecision(decision, packet.source);
  }

  function send(message: Uint8Array, destination: Uint8Array): boolean {
    try {
      socket.send(message, destination);
      return true;
    } catch (error) {
      options.onSendError(error);
      return false;
    }
  }

  return { counters, close: () => socket.close() };
}
