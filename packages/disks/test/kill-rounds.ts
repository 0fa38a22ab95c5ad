import { seededRandom } from "@ingot/testkit/link";

import type { ReadableDevice } from "../src/block-device.ts";
import type { Overlay } from "../src/overlay.ts";

/** 4 MiB and a short last block. */
export const KILL_SIZE_BYTES: number = 1024 * 4096 + 512;

/** Identity of `zeroBase`. */
export const KILL_BASE_ID: string = "0b".repeat(32);

/** A base of zeros. */
export const zeroBase: ReadableDevice = {
  sizeBytes: KILL_SIZE_BYTES,
  read(_offset, into) {
    into.fill(0);
  },
};

/** What round `number` does: the same in the process that is killed and in the one that checks. */
export function changesOfRound(round: number): { offset: number; length: number; stamp: number }[] {
  const random = seededRandom(round);
  const sectorCount = KILL_SIZE_BYTES / 512;
  return Array.from({ length: 1 + Math.floor(random() * 8) }, () => {
    const from = Math.floor(random() * sectorCount);
    const count = Math.min(sectorCount - from, 1 + Math.floor(random() * 64));
    // Stamp 0 is a discard.
    return { offset: from * 512, length: count * 512, stamp: random() < 0.2 ? 0 : round };
  });
}

/** Rounds of changes, every third one flushed, each acknowledged, for ever. */
export async function writeRounds(
  overlay: Overlay,
  firstRound: number,
  acknowledge: (round: number) => void,
): Promise<void> {
  for (let round = firstRound; ; round++) {
    for (const { offset, length, stamp } of changesOfRound(round)) {
      if (stamp === 0) {
        await overlay.discard(offset, length);
      } else {
        const words = new Uint32Array(length / 4).fill(stamp);
        await overlay.write(offset, new Uint8Array(words.buffer));
      }
    }
    if (round % 3 === 0) await overlay.flush();
    acknowledge(round);
  }
}
