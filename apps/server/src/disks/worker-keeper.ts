import type { DiskKeeper, OpenDisk } from "@ingot/control";
import type { BootRecordings } from "./boot-recordings.ts";
import { isEnded } from "./served-thread.ts";
import type { WorkerThread } from "./worker-thread.ts";

/** Overlays that are opened and closed on the threads that serve them; what each thread does with them is `OverlayKeeper`'s. */
export class WorkerKeeper implements DiskKeeper<OpenDisk> {
  readonly #threadFor: (machineId: string) => WorkerThread;
  readonly #recordings: BootRecordings;

  /** `threadFor` answers with the thread that serves a machine now. */
  constructor(threadFor: (machineId: string) => WorkerThread, recordings: BootRecordings) {
    this.#threadFor = threadFor;
    this.#recordings = recordings;
  }

  async open(machineId: string, manifestId: string): Promise<OpenDisk> {
    const recorded = await this.#recordings.begin(machineId, manifestId);
    return this.#threadFor(machineId).link.ask("openDisk", { machineId, manifestId, recorded });
  }

  async booted(machineId: string): Promise<void> {
    try {
      await this.#threadFor(machineId).link.ask("booted", { machineId });
    } catch (error) {
      // Its recording is gone with it.
      if (!isEnded(error)) throw error;
    }
  }

  async release(machineId: string): Promise<void> {
    try {
      await this.#threadFor(machineId).link.ask("releaseDisk", { machineId });
    } catch (error) {
      // With the thread everything that it had open was closed; what had been flushed is stored.
      if (!isEnded(error)) throw error;
    }
  }

  discard(machineId: string): Promise<void> {
    return this.#threadFor(machineId).link.ask("discardDisk", { machineId });
  }

  async overlayBytes(machineId: string): Promise<number> {
    try {
      return await this.#threadFor(machineId).link.ask("overlayBytes", { machineId });
    } catch (error) {
      // Nobody has to hear of a thread that was replaced: the new one knows.
      const thread = this.#threadFor(machineId);
      if (!isEnded(error)) throw error;
      return thread.link.ask("overlayBytes", { machineId });
    }
  }
}
