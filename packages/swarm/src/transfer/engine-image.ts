import type { Digest } from "@ingot/chunks";
import { SwarmError } from "../errors.ts";
import { ChunkBits, ChunkTable } from "./chunk-table.ts";
import { FETCH_STALL_MS } from "./limits.ts";
import type { ThreadCommand, ThreadImage } from "./messages.ts";
import type { ChunkLocation, FetchReport, FetchRequest, OpenImage, OpenImageOptions, WriteReport } from "./transfer.ts";

/** A command that ends with a report. */
export type JobCommand = Extract<ThreadCommand, { kind: "fetch" | "write" }>;

/** What came of it. */
export interface JobReport extends FetchReport {
  /** Of what was written. */
  readonly buffer?: ArrayBuffer | undefined;
}

/** What an image needs of its engine. */
export interface ImageLanes {
  /** Hands the command to the thread with the least to do; rejects with what its failure is. */
  run(command: JobCommand, onWritten: (chunks: readonly number[]) => void, signal?: AbortSignal): Promise<JobReport>;
  nextJob(): number;
  closeImage(image: number): Promise<void>;
}

/** The main thread's side of an open image. */
export class EngineImage implements OpenImage {
  readonly manifestId: Digest;
  /** What the threads get. */
  readonly shared: ThreadImage;
  readonly #options: OpenImageOptions;
  readonly #lanes: ImageLanes;
  readonly #table: ChunkTable;
  readonly #held: ChunkBits;
  readonly #listeners: ((chunks: readonly number[]) => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(image: number, options: OpenImageOptions, lanes: ImageLanes) {
    const { manifestId, pieceMap, source } = options;
    this.manifestId = manifestId;
    this.#options = options;
    this.#lanes = lanes;
    this.#table = ChunkTable.of(pieceMap);
    this.#held = ChunkBits.empty(pieceMap.chunkCount);
    const held = source.kind === "store" ? "all" : source.held;
    if (held === "all") this.#held.shared.fill(0xff);
    else if (held.length === this.#held.shared.length) this.#held.shared.set(held);
    else throw new RangeError(`bitmap of ${held.length} bytes for ${pieceMap.chunkCount} chunks`);
    this.shared = {
      image,
      manifestId,
      table: this.#table.shared,
      held: this.#held.shared,
      incompressible: ChunkBits.empty(pieceMap.chunkCount).shared,
      cachePlaces: new BigInt64Array(new SharedArrayBuffer(pieceMap.chunkCount * 8)),
      disk: source.kind === "disk" ? { fd: source.fd, offset: source.offset } : undefined,
    };
  }

  async fetch(request: FetchRequest): Promise<FetchReport> {
    const { piece, from, signal, stallMs = FETCH_STALL_MS } = request;
    const chunks = this.#chunksOf(piece, request.chunks);
    this.#throwUnlessOpen();
    const command: JobCommand = {
      kind: "fetch",
      job: this.#lanes.nextJob(),
      image: this.shared.image,
      piece,
      chunks,
      isWholePiece: request.chunks === undefined,
      from,
      stallMs,
    };
    return await this.#lanes.run(command, (written) => this.#tell(written), signal);
  }

  async write(piece: number, stream: Uint8Array<ArrayBuffer>, chunks?: readonly number[]): Promise<WriteReport> {
    const expected = this.#chunksOf(piece, chunks);
    this.#throwUnlessOpen();
    const { image } = this.shared;
    const command: JobCommand = {
      kind: "write",
      job: this.#lanes.nextJob(),
      image,
      piece,
      chunks: expected,
      stream,
    };
    const { buffer, ...report } = await this.#lanes.run(command, (written) => this.#tell(written));
    if (buffer === undefined) throw new TypeError("a thread kept the buffer of what it wrote");
    return { ...report, buffer };
  }

  onWritten(callback: (chunks: readonly number[]) => void): void {
    this.#listeners.push(callback);
  }

  has(chunk: number): boolean {
    return chunk < this.#table.chunkCount && this.#held.has(chunk);
  }

  forget(chunks: readonly number[]): void {
    for (const chunk of chunks) this.#held.delete(chunk);
  }

  close(): Promise<void> {
    this.#closing ??= this.#lanes.closeImage(this.shared.image);
    return this.#closing;
  }

  /** Where a store has chunks, for the threads. */
  locate(chunks: readonly number[]): readonly (ChunkLocation | undefined)[] {
    const { source, pieceMap } = this.#options;
    if (source.kind !== "store") return chunks.map(() => undefined);
    return chunks.map((chunk) => source.locate(pieceMap.digestOf(chunk)));
  }

  #chunksOf(piece: number, chunks: readonly number[] | undefined): readonly number[] {
    if (this.#options.source.kind === "store") throw new TypeError("the image is a store's: it cannot be written");
    const { first, end } = this.#table.chunksOf(piece);
    const wanted = chunks ?? Array.from({ length: end - first }, (_, index) => first + index);
    const isAscending = wanted.every((chunk, index) => chunk > (wanted[index - 1] ?? -1));
    if (!isAscending || (wanted[0] ?? -1) < first || (wanted.at(-1) ?? end) >= end) {
      throw new RangeError(
        `chunks ${wanted.slice(0, 10).join()} of piece ${piece}, expected some of ${first} to ${end - 1}`,
      );
    }
    return wanted;
  }

  #throwUnlessOpen(): void {
    if (this.#closing !== undefined) throw new SwarmError("closed", `image ${this.manifestId} is closed`);
  }

  #tell(written: readonly number[]): void {
    if (written.length > 0) for (const listener of this.#listeners) listener(written);
  }
}
