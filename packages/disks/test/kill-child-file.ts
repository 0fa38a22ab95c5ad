import fs from "node:fs";

import { OsVolume } from "../src/os-volume-file.ts";
import { Overlay } from "../src/overlay.ts";
import { KILL_BASE_ID, writeRounds, zeroBase } from "./kill-rounds.ts";

// Arguments: directory, first round. Writes a line with the round's number after each round, until it is killed.
const [directory = "", firstRound = "1"] = process.argv.slice(2);
const volume = await OsVolume.open(directory);
const overlay = await Overlay.open({ volume, base: zeroBase, baseId: KILL_BASE_ID, minJournalBytes: 8192 });
await writeRounds(overlay, Number(firstRound), (round) => {
  fs.writeSync(1, `${round}\n`);
});
