import { DecodeError } from "@ingot/wire";

import { type BootTrace, decodeBootTrace, encodeBootTrace, extendBootTrace } from "./boot-trace.ts";
import { MAX_TRACE_BYTES } from "./limits.ts";
import type { Volume } from "./volume.ts";

const NEW_SUFFIX = ".new";

/** The image that a trace is about. */
export interface TracedImage {
  /** 64 hexadecimal digits. */
  readonly manifestId: string;
  /** Chunk extents of the manifest. */
  readonly chunkCount: number;
}

/** Boot traces as files, one for each manifest that has one (docs/formats/boot-trace.md). */
export class BootTraceStore {
  readonly #volume: Volume;
  readonly #onDamage: (message: string) => void;
  /** Traces by their manifest, as far as they were asked for. */
  readonly #known = new Map<string, BootTrace | undefined>();
  /** Reads and changes of files, one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  /** `volume` is used by nobody else. `onDamage` is told, in a sentence, of each trace that is ignored. */
  constructor(volume: Volume, onDamage: (message: string) => void) {
    this.#volume = volume;
    this.#onDamage = onDamage;
  }

  /** The trace of a manifest; `undefined` when there is none, or only one that is damaged or of another manifest. */
  read(manifestId: string): Promise<BootTrace | undefined> {
    return this.#inTurn(() => this.#remember(manifestId));
  }

  /** Adds a recording and returns the trace with it, which is durable then. `recorded` has at least one chunk, and none twice. */
  add(image: TracedImage, recorded: readonly number[]): Promise<BootTrace> {
    return this.#inTurn(async () => {
      const { manifestId, chunkCount } = image;
      const present = await this.#remember(manifestId);
      const trace =
        present?.chunkCount === chunkCount
          ? extendBootTrace(present, recorded)
          : { manifestId, chunkCount, bootCount: 1, chunks: recorded };
      await this.#write(trace);
      this.#known.set(manifestId, trace);
      return trace;
    });
  }

  /** Removes the traces of manifests that are not in `live`, durably. */
  prune(live: ReadonlySet<string>): Promise<void> {
    return this.#inTurn(async () => {
      const names = await this.#volume.list();
      const dead = names.filter((name) => !live.has(name));
      for (const manifestId of this.#known.keys()) if (!live.has(manifestId)) this.#known.delete(manifestId);
      for (const name of dead) await this.#volume.remove(name);
      if (dead.length > 0) await this.#volume.syncDirectory();
    });
  }

  async #remember(manifestId: string): Promise<BootTrace | undefined> {
    if (!this.#known.has(manifestId)) this.#known.set(manifestId, await this.#read(manifestId));
    return this.#known.get(manifestId);
  }

  async #read(manifestId: string): Promise<BootTrace | undefined> {
    if (!(await this.#volume.list()).includes(manifestId)) return undefined;
    const file = await this.#volume.open(manifestId, "existing");
    try {
      const { sizeBytes } = await file.measure();
      if (sizeBytes > MAX_TRACE_BYTES) {
        return this.#ignore(manifestId, `${sizeBytes} bytes, expected at most ${MAX_TRACE_BYTES}`);
      }
      const bytes = new Uint8Array(sizeBytes);
      await file.read(0, bytes);
      const trace = decodeBootTrace(bytes);
      if (trace.manifestId === manifestId) return trace;
      return this.#ignore(manifestId, `it is about manifest ${trace.manifestId}`);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#ignore(manifestId, error.message);
    } finally {
      await file.close();
    }
  }

  #ignore(manifestId: string, why: string): undefined {
    this.#onDamage(`boot trace ${manifestId} is ignored, the next boot makes a new one: ${why}`);
  }

  async #write(trace: BootTrace): Promise<void> {
    const volume = this.#volume;
    const name = `${trace.manifestId}${NEW_SUFFIX}`;
    const file = await volume.open(name, "create");
    try {
      await file.write(0, encodeBootTrace(trace));
      await file.sync();
    } finally {
      await file.close();
    }
    await volume.rename(name, trace.manifestId);
    await volume.syncDirectory();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
