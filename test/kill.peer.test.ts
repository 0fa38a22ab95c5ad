import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ServerApi } from "./server-api.ts";
import { ingot, run, ServerProcess } from "./server-process.ts";

const PORTS = ["--http", "127.0.0.79:8470", "--boot-port", "18479", "--iscsi", "127.0.0.79:3260"];
const SECTOR = 512;
/** What one write covers: larger than a burst, so that a kill can cut through it. */
const SLOT = 96 * 1024;
const SLOTS = 160;
const SIZE = SLOTS * SLOT;
const WRITES_PER_BATCH = 6;

let folder: string;
let data: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ingot-kill-"));
  data = join(folder, "data");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A generator whose whole course follows from the seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Write {
  readonly slot: number;
  readonly value: number;
}

/** A QEMU that writes without a pause: batches of parallel writes, a flush behind every other, the next batch once it is acknowledged. */
class Writer {
  /** Writes that were acknowledged, flushed or not, in order. */
  readonly acknowledged: Write[] = [];
  acknowledgedBatches = 0;
  /** The batch on its way. */
  pending: readonly Write[] = [];
  output = "";
  readonly #child: ChildProcess;
  readonly #random: (below: number) => number;
  readonly #afterWrites: { count: number; happen: () => void };

  /** `afterWrites` happens at the moment the count-th write is reported, with others under way. */
  constructor(url: string, random: (below: number) => number, afterWrites: { count: number; happen: () => void }) {
    this.#random = random;
    this.#afterWrites = afterWrites;
    // Without stdbuf it would keep lines in its buffer and wait for more to come before it looks at them.
    const program = ["-i0", "-oL", "qemu-io", "-f", "raw", "-t", "none", url];
    this.#child = spawn("stdbuf", program, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stdin?.on("error", () => undefined);
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    let partial = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (partial + text).split("\n");
      partial = lines.pop() ?? "";
      for (const line of lines) this.#read(line);
    });
    this.#send();
  }

  #send(): void {
    const slots = new Set<number>();
    while (slots.size < WRITES_PER_BATCH) slots.add(this.#random(SLOTS));
    this.pending = [...slots].map((slot) => ({ slot, value: 1 + this.#random(255) }));
    const writes = this.pending.map(({ slot, value }) => `aio_write -P ${value} ${slot * SLOT} ${SLOT}\n`);
    // `length` says something once all is acknowledged, which `aio_flush` (waits for the writes) and `flush` only do on failure.
    const flush = this.acknowledgedBatches % 2 === 0 ? "flush\n" : "";
    this.#child.stdin?.write(`${writes.join("")}aio_flush\n${flush}length\n`);
  }

  #read(line: string): void {
    this.output += `${line}\n`;
    if (line.includes("wrote ") && --this.#afterWrites.count === 0) this.#afterWrites.happen();
    if (!/^(qemu-io> )*15 MiB$/.test(line)) return;
    this.acknowledged.push(...this.pending);
    this.acknowledgedBatches++;
    this.#send();
  }

  /** Ends QEMU, which would otherwise wait for the server to come back and write on; resolves when all it said was read. */
  async end(): Promise<void> {
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }
}

test("nothing that was acknowledged is lost, flushed or not, when the server is killed under writes, twenty times", async () => {
  const seed = Number(process.env["TEST_SEED"] ?? randomInt(2 ** 31));
  const random = randomFrom(seed);
  const image = join(folder, "disk.img");
  writeFileSync(image, new Uint8Array(SECTOR));
  truncateSync(image, SIZE);
  expect(await ingot("image", "add", "lab", image, "--data", data)).toMatchObject({ code: 0 });
  let url: string | undefined;
  // The value that each sector must have.
  const sectors = new Uint8Array(SIZE / SECTOR);
  let pending: readonly Write[] = [];
  let batches = 0;
  let kills = 0;
  for (let round = 0; round <= 20; round++) {
    const server = await ServerProcess.start(data, ...PORTS);
    url ??= await new ServerApi(server).addMachine(1, { image: "lab", mode: "persistent" });
    if (adopt(await readDisk(url), sectors, pending, `seed ${seed}, kill ${round}`)) kills++;
    if (round === 20) {
      await server.stop();
      break;
    }
    const killed = once(server.child, "exit");
    const writer = new Writer(url, random, {
      count: WRITES_PER_BATCH + 1 + random(60),
      happen: () => server.child.kill("SIGKILL"),
    });
    await killed;
    await writer.end();
    expect(writer.output).not.toMatch(/failed/i);
    expect(writer.acknowledgedBatches).toBeGreaterThan(0);
    batches += writer.acknowledgedBatches;
    for (const { slot, value } of writer.acknowledged) sectors.fill(value, ...sectorsOf(slot));
    pending = writer.pending;
  }
  process.stdout.write(
    `seed ${seed}: ${batches} batches acknowledged; after ${kills} of 20 kills, writes are there that were not\n`,
  );
  expect(kills).toBeGreaterThan(0);
}, 300_000);

function sectorsOf(slot: number): [number, number] {
  return [(slot * SLOT) / SECTOR, ((slot + 1) * SLOT) / SECTOR];
}

async function readDisk(url: string): Promise<Buffer> {
  const copy = join(folder, "copy.img");
  expect(await run("qemu-img", ["convert", "-f", "raw", "-O", "raw", url, copy])).toMatchObject({ code: 0 });
  return readFileSync(copy);
}

/**
 * Compares the disk with what it must hold. A sector of a write that was under way may be as before or as written, and
 * is taken over as it is; every other must be as acknowledged. Returns whether anything of those writes is there.
 */
function adopt(content: Buffer, sectors: Uint8Array, pending: readonly Write[], when: string): boolean {
  const written = new Uint8Array(sectors.length);
  for (const { slot, value } of pending) written.fill(value, ...sectorsOf(slot));
  let found = false;
  const wrong: string[] = [];
  for (let at = 0; at < sectors.length; at++) {
    const sector = content.subarray(at * SECTOR, (at + 1) * SECTOR);
    const [value = 0] = sector;
    if (at > 0 && !sector.every((byte) => byte === value)) wrong.push(`sector ${at} is a mixture`);
    else if (value !== sectors[at]) {
      if (written[at] !== 0 && value === written[at]) found = true;
      else wrong.push(`sector ${at} is ${value}, was acknowledged as ${sectors[at]}`);
      sectors[at] = value;
    }
  }
  expect(wrong, when).toEqual([]);
  return found;
}
