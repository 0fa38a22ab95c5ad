import { open, type FileHandle } from "node:fs/promises";
import { AgentError } from "../errors.ts";
import { type Programs } from "../system/programs.ts";

/** What was done to a disk. */
export interface WipeReport {
  /** `discarded`: the disk was told that all blocks are free. `zeroed`: zeros were written over everything. */
  readonly done: "discarded" | "zeroed";
  /** One sentence, honest about what it means. */
  readonly note: string;
}

/** What is to be wiped, and how. */
export interface WipeOptions {
  readonly path: string;
  readonly sizeBytes: number;
  readonly method: "discard" | "zero";
  readonly programs: Programs;
  readonly onProgress: (doneBytes: number) => void;
  /** 0 … 1, for the places that are looked at afterwards. */
  readonly random: () => number;
  readonly signal?: AbortSignal | undefined;
}

const STEP_BYTES = 4 * 2 ** 20;
/** Tables, superblocks and array metadata are within these of either end. */
const EDGE_BYTES = 2 ** 20;
const SAMPLES = 64;
const SAMPLE_BYTES = 64 * 1024;

/**
 * Erases a disk. `discard` is quick, and afterwards the disk gives zeros, which is looked at in places; a disk that does
 * not is written with zeros instead. Neither is a certified erasure: spare blocks that the disk keeps for itself
 * are out of reach of both, and the note says so.
 */
export async function wipeDisk(options: WipeOptions): Promise<WipeReport> {
  const { path, sizeBytes, method, programs, signal } = options;
  if (method === "discard") {
    const result = await programs.run("blkdiscard", ["--force", path], { signal });
    if (result?.status === 0) {
      await using file = await openDisk(path);
      await writeZeros(file, options, 0, Math.min(EDGE_BYTES, sizeBytes));
      await writeZeros(file, options, Math.max(0, sizeBytes - EDGE_BYTES), sizeBytes);
      await file.sync();
      if (await readsZeros(file, options)) {
        options.onProgress(sizeBytes);
        return {
          done: "discarded",
          note: `all blocks were given back (discard); ${SAMPLES} places and both ends read as zeros; what the disk does with the blocks inside is its own affair`,
        };
      }
    }
  }
  await using file = await openDisk(path);
  await writeZeros(file, options, 0, sizeBytes);
  await file.sync();
  const why = method === "discard" ? "the disk gives no zeros for discarded blocks, so " : "";
  return {
    done: "zeroed",
    note: `${why}zeros were written over all ${sizeBytes} bytes; blocks that the disk has set aside as spare or bad are not reached`,
  };
}

async function openDisk(path: string): Promise<FileHandle> {
  return open(path, "r+");
}

async function writeZeros(file: FileHandle, options: WipeOptions, from: number, to: number): Promise<void> {
  const zeros = new Uint8Array(STEP_BYTES);
  for (let at = from; at < to;) {
    options.signal?.throwIfAborted();
    const length = Math.min(zeros.length, to - at);
    try {
      const { bytesWritten } = await file.write(zeros, 0, length, at);
      at += bytesWritten;
    } catch (cause) {
      throw new AgentError("disk-write", `writing zeros to ${options.path} at byte ${at}`, {
        cause,
        sector: Math.floor(at / 512),
      });
    }
    if (to - from > 2 * EDGE_BYTES) options.onProgress(at);
  }
}

async function readsZeros(file: FileHandle, { path, sizeBytes, random }: WipeOptions): Promise<boolean> {
  const bytes = new Uint8Array(SAMPLE_BYTES);
  const places = [0, Math.max(0, sizeBytes - SAMPLE_BYTES)];
  for (let i = 0; i < SAMPLES; i++)
    places.push(Math.floor((random() * Math.max(0, sizeBytes - SAMPLE_BYTES)) / 512) * 512);
  for (const at of places) {
    try {
      const { bytesRead } = await file.read(bytes, 0, Math.min(SAMPLE_BYTES, sizeBytes - at), at);
      if (bytes.subarray(0, bytesRead).some((byte) => byte !== 0)) return false;
    } catch (cause) {
      throw new AgentError("disk-read", `reading ${path} at byte ${at}`, { cause, sector: Math.floor(at / 512) });
    }
  }
  return true;
}
