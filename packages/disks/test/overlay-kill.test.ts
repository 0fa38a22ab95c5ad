import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { seededRandom } from "@ingot/testkit/link";
import { expect, inject, test } from "vitest";

import { OsVolume } from "../src/os-volume-file.ts";
import { Overlay } from "../src/overlay.ts";
import { changesOfRound, KILL_BASE_ID, KILL_SIZE_BYTES, zeroBase } from "./kill-rounds.ts";

const KILLS = inject("isThorough") ? 20 : 6;

/** Lets a child write from `firstRound` on, kills it in the middle, and returns the last round it acknowledged. */
async function killWriter(directory: string, firstRound: number, acknowledgements: number): Promise<number> {
  const program = path.join(import.meta.dirname, "kill-child-file.ts");
  const child = spawn(process.execPath, [program, directory, String(firstRound)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_OPTIONS: "--disable-warning=ExperimentalWarning" },
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (data: string) => {
    text += data;
    if (text.split("\n").length > acknowledgements) child.kill("SIGKILL");
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  return Number(text.trimEnd().split("\n").at(-1));
}

/** Applies rounds to the stamps that sectors may hold, and forgets what they overwrote when they are acknowledged. */
function apply(allowed: Set<number>[], round: number, isAcknowledged: boolean): void {
  for (const { offset, length, stamp } of changesOfRound(round)) {
    for (let sector = offset / 512; sector < (offset + length) / 512; sector++) {
      if (isAcknowledged) allowed[sector] = new Set([stamp]);
      else allowed[sector]?.add(stamp);
    }
  }
}

test(`a process killed ${KILLS} times in the middle of writing loses nothing that was acknowledged, flushed or not`, async () => {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), "ingot-kill-"));
  const random = seededRandom(20);
  const allowed = Array.from({ length: KILL_SIZE_BYTES / 512 }, () => new Set([0]));
  let round = 1;
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      const last = await killWriter(directory, round, 1 + Math.floor(random() * 15));
      for (; round <= last; round++) apply(allowed, round, true);
      // The round that was under way may be there in part; the child goes on with the next number.
      apply(allowed, round, false);
      round += 1;
      const volume = await OsVolume.open(directory);
      const overlay = await Overlay.open({ volume, base: zeroBase, baseId: KILL_BASE_ID });
      const words = new Uint32Array(KILL_SIZE_BYTES / 4);
      await overlay.read(0, new Uint8Array(words.buffer));
      await overlay.close();
      for (const [sector, stamps] of allowed.entries()) {
        const found = new Set(words.subarray(sector * 128, (sector + 1) * 128));
        const [stamp = -1] = found;
        if (found.size !== 1 || !stamps.has(stamp)) {
          throw new Error(
            `kill ${kill}, sector ${sector}: ${[...found].join()}, expected one of ${[...stamps].join()}`,
          );
        }
        allowed[sector] = new Set([stamp]);
      }
    }
  } finally {
    await fs.rm(directory, { recursive: true });
  }
}, 120_000);
