import { type BootTraceStore, isComplete } from "@ingot/disks";

/** What a thread says of a recording when its boot, or its disk, is over. */
export interface BootRecording {
  readonly machineId: string;
  readonly manifestId: string;
  /** Chunk extents of the manifest. */
  readonly chunkCount: number;
  /** `recording`: the disk was closed before the boot was over. */
  readonly state: "recording" | "ended" | "no-boot";
  /** Numbers of chunk extents in the order of their first read. */
  readonly chunks: readonly number[];
}

/** What {@link BootRecordings} works with. */
export interface BootRecordingsDeps {
  readonly traces: Pick<BootTraceStore, "read" | "add">;
  /** Milliseconds of a clock that only goes forward. */
  readonly nowMs: () => number;
  /** Told of traces that cannot be read or stored; no boot depends on one. */
  readonly onError: (error: unknown) => void;
}

/** A disk that is opened again within this time is still in the same boot: the system comes after its loader. */
const REOPENED_WITHIN_MS = 60_000;
/** A recording of which nothing was heard for so long went down with its thread: none lasts longer. */
const LONGEST_RECORDING_MS = 15 * 60_000;

interface Recording {
  readonly machineId: string;
  readonly beganMs: number;
  /** What it had read when its disk was closed, and when that was. */
  closed: { readonly chunks: readonly number[]; readonly atMs: number } | undefined;
}

/**
 * Decides whose boot is recorded, and makes the recordings part of the images' boot traces (docs/formats/boot-trace.md,
 * "Recording"): one machine of each image at a time, until the image's trace is complete.
 */
export class BootRecordings {
  readonly #deps: BootRecordingsDeps;
  /** By manifest. */
  readonly #recordings = new Map<string, Recording>();

  constructor(deps: BootRecordingsDeps) {
    this.#deps = deps;
  }

  /**
   * To be asked when a machine's disk is opened: nothing when its reads need not be recorded, otherwise what it read before
   * in the same boot.
   */
  async begin(machineId: string, manifestId: string): Promise<readonly number[] | undefined> {
    try {
      const trace = await this.#deps.traces.read(manifestId);
      if (trace !== undefined && isComplete(trace)) return undefined;
    } catch (error) {
      this.#deps.onError(error);
      return undefined;
    }
    const nowMs = this.#deps.nowMs();
    const present = this.#recordings.get(manifestId);
    if (present !== undefined && present.machineId !== machineId && !isOver(present, nowMs)) return undefined;
    const isSameBoot = present?.machineId === machineId && !isOver(present, nowMs);
    const beganMs = isSameBoot ? present.beganMs : nowMs;
    this.#recordings.set(manifestId, { machineId, beganMs, closed: undefined });
    return isSameBoot ? (present.closed?.chunks ?? []) : [];
  }

  /** Takes a recording in; what the trace gains is durable when it resolves, unless `onError` was told. Never rejects. */
  async finish(recording: BootRecording): Promise<void> {
    const { machineId, manifestId, chunks, state } = recording;
    const present = this.#recordings.get(manifestId);
    if (present?.machineId !== machineId) return;
    if (state === "recording") {
      present.closed = { chunks, atMs: this.#deps.nowMs() };
      return;
    }
    this.#recordings.delete(manifestId);
    if (state === "ended") await this.#deps.traces.add(recording, chunks).catch(this.#deps.onError);
  }
}

function isOver({ beganMs, closed }: Recording, nowMs: number): boolean {
  return nowMs - beganMs > LONGEST_RECORDING_MS || (closed !== undefined && nowMs - closed.atMs > REOPENED_WITHIN_MS);
}
