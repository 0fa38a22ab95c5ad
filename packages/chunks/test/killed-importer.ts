/**
 * A process made to be killed: imports and prunes in the store given as first argument, for ever.
 * Each line on standard output is a promise that was kept: `+ID` is stored, `-ID` is about to be removed.
 */
import { DirectoryStore } from "../src/index.ts";
import { makeImage, sourceOf } from "../src/testing/images.ts";

const [directory = "", start = "0"] = process.argv.slice(2);
const store = await DirectoryStore.open(directory);
let live = await store.listManifests();
for (let seed = Number(start); ; seed++) {
  const image = makeImage([
    { kind: "random", bytes: 2 ** 19, seed: seed % 3 },
    { kind: "zero", bytes: 2 ** 20 },
    { kind: "random", bytes: 2 ** 20, seed: 1000 + seed },
  ]);
  const { manifestId } = await store.importImage(sourceOf(image));
  process.stdout.write(`+${manifestId}\n`);
  live = [...live, manifestId];
  if (live.length > 4) {
    for (const id of live.slice(0, 2)) process.stdout.write(`-${id}\n`);
    live = live.slice(2);
    await store.prune(live);
  }
}
