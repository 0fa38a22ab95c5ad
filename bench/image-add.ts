/**
 * Adding an image, side by side: our import and `casync make`, the same file, in turns. `node bench/image-add.ts [ROUNDS]`;
 * needs casync. Takes less than a minute with the default of 3 rounds, and 1.5 GB below the temporary directory.
 *
 * The image is made here, the same every time: text, random bytes and zeros, 512 MiB in all. casync runs twice, once with our
 * chunk sizes and once with its own defaults; both programs compress with Zstandard. What differs: ours uses two
 * threads and syncs what it wrote, casync one thread and no sync. The figures are medians, in MiB of image per second.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { DirectoryStore } from "@ingot/chunks";
import { randomBytes, seededRandom } from "@ingot/chunks/testing";
import { openRawImage } from "@ingot/disks";

const MIB = 1_048_576;
const rounds = Number(process.argv[2] ?? 3);
const run = promisify(execFile);

/** MiB of each kind, in the order of the image. */
const PARTS = [
  ["text", 96],
  ["random", 48],
  ["zero", 128],
  ["text", 96],
  ["random", 48],
  ["zero", 96],
] as const;
const IMAGE_MIB = PARTS.reduce((sum, [, mib]) => sum + mib, 0);

/** Words of 2 to 9 letters, the first ones far more often than the last: Zstandard shrinks it about three times. */
function makeText(bytes: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const words = Array.from({ length: 8192 }, () =>
    Array.from({ length: 2 + (random() % 8) }, () => String.fromCharCode(97 + (random() % 26))).join(""),
  );
  const text = new Uint8Array(bytes);
  const encoder = new TextEncoder();
  const encoded = words.map((word) => encoder.encode(`${word} `));
  for (let at = 0; at < bytes;) {
    const word = encoded[Math.floor(encoded.length * (random() / 2 ** 32) ** 3)] ?? new Uint8Array([32]);
    text.set(word.subarray(0, bytes - at), at);
    at += word.length;
  }
  return text;
}

async function makeImage(path: string): Promise<void> {
  await using file = await open(path, "w");
  let at = 0;
  for (const [i, [kind, mib]] of PARTS.entries()) {
    for (let done = 0; done < mib && kind !== "zero"; done += 16) {
      const seed = i * 1000 + done;
      const bytes = kind === "text" ? makeText(16 * MIB, seed) : randomBytes(16 * MIB, seed);
      await file.write(bytes, 0, bytes.length, at + done * MIB);
    }
    at += mib * MIB;
  }
  await file.truncate(at);
}

async function sizeOfTree(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

async function addWithIngot(image: string, directory: string): Promise<void> {
  await using store = await DirectoryStore.open(directory);
  await using source = await openRawImage(image);
  await store.importImage(source);
}

async function addWithCasync(image: string, directory: string, options: readonly string[]): Promise<void> {
  const store = `--store=${join(directory, "default.castr")}`;
  await run("casync", ["make", store, "--compression=zstd", ...options, join(directory, "image.caibx"), image]);
}

interface Contender {
  readonly title: string;
  readonly add: (image: string, directory: string) => Promise<void>;
  readonly rates: number[];
  storeBytes: number;
}

function contender(title: string, add: Contender["add"]): Contender {
  return { title, add, rates: [], storeBytes: 0 };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

try {
  execFileSync("casync", ["--version"], { stdio: "ignore" });
} catch {
  console.error("image-add: needs casync (Debian package casync)");
  process.exit(1);
}
const directory = await mkdtemp(join(tmpdir(), "ingot-bench-"));
try {
  const image = join(directory, "image.raw");
  await makeImage(image);
  const ours = contender("ingot, chunks of 64:256:1024 KiB", addWithIngot);
  const contenders = [
    ours,
    contender("casync, same chunk sizes", (file, target) =>
      addWithCasync(file, target, ["--chunk-size=65536:262144:1048576"]),
    ),
    contender("casync, its defaults (16:64:256 KiB)", (file, target) => addWithCasync(file, target, [])),
  ];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const one = contenders[(i + round) % contenders.length] ?? ours;
      const target = await mkdtemp(join(directory, "store-"));
      const started = performance.now();
      await one.add(image, target);
      one.rates.push(IMAGE_MIB / ((performance.now() - started) / 1000));
      one.storeBytes = await sizeOfTree(target);
      await rm(target, { recursive: true });
    }
  }
  console.log(`image add, ${IMAGE_MIB} MiB of image (288 MiB of data), median of ${rounds}:`);
  for (const { title, rates, storeBytes } of contenders) {
    const ratio = median(ours.rates) / median(rates);
    const rate = median(rates).toFixed(0).padStart(5);
    console.log(
      `  ${title.padEnd(38)} ${rate} MiB/s  store ${(storeBytes / MIB).toFixed(1)} MiB  ingot/this ${ratio.toFixed(2)}`,
    );
  }
} finally {
  await rm(directory, { recursive: true });
}
