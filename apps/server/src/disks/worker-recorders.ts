import { BootTraceRecorder, type ChunkPlaces } from "@ingot/disks";
import type { BootRecording } from "./boot-recordings.ts";

/** What {@link WorkerRecorders} works with. */
export interface WorkerRecordersDeps {
  /** Milliseconds of a clock that only goes forward. */
  readonly nowMs: () => number;
  /** Told once of each recording. */
  readonly onRecording: (recording: BootRecording) => void;
}

interface Recorded {
  readonly recorder: BootTraceRecorder;
  readonly manifestId: string;
  readonly chunkCount: number;
}

/** The recorders of the disks that a thread has open and of which a boot is recorded. */
export class WorkerRecorders {
  readonly #deps: WorkerRecordersDeps;
  /** By machine: what it read earlier in the same boot. */
  readonly #wanted = new Map<string, readonly number[]>();
  readonly #recorded = new Map<string, Recorded>();

  constructor(deps: WorkerRecordersDeps) {
    this.#deps = deps;
  }

  /** Says, before a machine's disk is opened, whether its reads are recorded from then on. */
  want(machineId: string, earlier: readonly number[] | undefined): void {
    if (earlier === undefined) this.#wanted.delete(machineId);
    else this.#wanted.set(machineId, earlier);
  }

  /** Begins the recording, where it is wanted: what is to be told of each read of the disk's base. */
  begin(
    machineId: string,
    manifestId: string,
    places: ChunkPlaces,
  ): ((offset: number, length: number) => void) | undefined {
    const earlier = this.#wanted.get(machineId);
    if (earlier === undefined) return undefined;
    this.#wanted.delete(machineId);
    const recorder = new BootTraceRecorder(places, this.#deps.nowMs(), earlier);
    this.#recorded.set(machineId, { recorder, manifestId, chunkCount: places.chunkCount });
    return (offset, length) => recorder.noteRead(offset, length);
  }

  /** To be called about once a second. */
  tick(): void {
    const nowMs = this.#deps.nowMs();
    for (const [machineId, { recorder }] of this.#recorded) {
      recorder.tick(nowMs);
      if (recorder.state !== "recording") this.#tell(machineId);
    }
  }

  /** The machine says that it is up. */
  booted(machineId: string): void {
    this.#recorded.get(machineId)?.recorder.end();
  }

  /** The machine's disk was closed. */
  closed(machineId: string): void {
    this.#tell(machineId);
  }

  #tell(machineId: string): void {
    const recorded = this.#recorded.get(machineId);
    if (recorded === undefined) return;
    this.#recorded.delete(machineId);
    const { recorder, manifestId, chunkCount } = recorded;
    this.#deps.onRecording({ machineId, manifestId, chunkCount, state: recorder.state, chunks: recorder.chunks });
  }
}
