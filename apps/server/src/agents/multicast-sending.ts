import { readFileSync } from "node:fs";
import type { DirectoryStore } from "@ingot/chunks";
import { MulticastSender, type MulticastPlan } from "@ingot/swarm";
import type { Sending } from "./multicast-sessions.ts";
import type { Seeds } from "./seeds.ts";
import { readStoredPiece } from "./stored-pieces.ts";

/** Of the link's speed; the rest is for repairs, headers that are not counted, and everybody else. */
const LINK_SHARE = 0.8;

/** Where a link does not say how fast it is: what a gigabit network stands. */
const USUAL_RATE = 600e6 / 8;

/** What sends images by multicast. */
export interface MulticastSendingDeps {
  readonly store: Pick<DirectoryStore, "locate">;
  readonly seeds: Seeds;
  /** IPv4 address of the interface that the receivers are behind. */
  readonly interfaceAddress: string;
}

/** Starts a sender for one session, which begins when all receivers hear it, at the latest after `delayMs`. */
export function sendByMulticast(
  { store, seeds, interfaceAddress }: MulticastSendingDeps,
  manifestId: string,
  plan: MulticastPlan,
  receivers: number,
  delayMs: number,
): Sending {
  const stopping = new AbortController();
  const done = (async () => {
    const pieceMap = await seeds.piecesOf(manifestId);
    const readPiece = (piece: number): Promise<Uint8Array<ArrayBuffer>> => readStoredPiece(store, pieceMap, piece);
    const { pieceCount } = pieceMap;
    const sender = await MulticastSender.start({ plan, pieceCount, interfaceAddress, awaited: receivers, readPiece });
    const stop = (): void => void sender.close();
    stopping.signal.addEventListener("abort", stop);
    if (stopping.signal.aborted) stop();
    const beginning = setTimeout(() => sender.begin(), delayMs);
    try {
      await sender.ended;
    } finally {
      clearTimeout(beginning);
      stopping.signal.removeEventListener("abort", stop);
      await sender.close();
    }
  })();
  return { done, stop: () => stopping.abort() };
}

/** The rate of a multicast through an interface, in bytes per second of Ethernet frames, by the speed of its link. */
export function usualMulticastRate(interfaceName: string | undefined): number {
  const megabits = interfaceName === undefined ? undefined : readSpeed(interfaceName);
  return megabits === undefined ? USUAL_RATE : ((megabits * 1e6) / 8) * LINK_SHARE;
}

/** Virtual interfaces have none, or say -1. */
function readSpeed(name: string): number | undefined {
  try {
    const speed = Number(readFileSync(`/sys/class/net/${name}/speed`, "utf8"));
    return speed > 0 ? speed : undefined;
  } catch {
    return undefined;
  }
}
