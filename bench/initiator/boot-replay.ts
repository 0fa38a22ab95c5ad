import { setTimeout as sleep } from "node:timers/promises";
import type { PlannedSession, Sample, Step } from "../block-trace/replay-plan.ts";
import { STAMP_BYTES, stampedSectors } from "../block-trace/sector-stamp.ts";
import type { DiskAddress } from "../targets/disk-address.ts";
import { type Command, Session } from "./session.ts";

/** Where the figures of all machines of a process are collected. */
export interface ReplayFigures {
  /** Microseconds from a read's being sent to its end. */
  readonly readLatencyUs: number[];
  readBytes: number;
  writtenBytes: number;
  /** Reads whose content was looked at. */
  verifiedReads: number;
}

/** How a boot is replayed. */
export interface BootReplayOptions {
  readonly plan: readonly PlannedSession[];
  readonly disk: DiskAddress;
  /** Of this machine. */
  readonly initiator: string;
  /** The machine's own work between commands, as a multiple of what was recorded; 0 sends at once. */
  readonly think: number;
  readonly figures: ReplayFigures;
}

/** Boots one machine: every session of the plan after the other. Rejects with the first error. */
export async function replayBoot(options: BootReplayOptions): Promise<void> {
  for (const [index, planned] of options.plan.entries()) {
    if (options.think > 0) await sleep((planned.thinkUs * options.think) / 1000);
    await new Promise<void>((resolve, reject) => {
      Session.open({
        ...options.disk,
        initiator: options.initiator,
        isid: index + 1,
        maxRecvDataSegmentLength: planned.maxRecvDataSegmentLength,
        failed: reject,
      }).then((session) => {
        const replay = new SessionReplay(options, planned.steps, session, () => {
          session.close();
          resolve();
        });
        replay.advance();
      }, reject);
    });
  }
}

/** The commands of one session, each in its turn. */
class SessionReplay {
  readonly #options: BootReplayOptions;
  readonly #steps: readonly Step[];
  readonly #session: Session;
  readonly #finished: () => void;
  #sent = 0;
  #done = 0;
  /** The next step waits for its think time. */
  #isThinking = false;

  constructor(options: BootReplayOptions, steps: readonly Step[], session: Session, finished: () => void) {
    this.#options = options;
    this.#steps = steps;
    this.#session = session;
    this.#finished = finished;
  }

  /** Sends what may be sent now. */
  advance(): void {
    if (this.#done === this.#steps.length) return this.#finished();
    for (;;) {
      const step = this.#steps[this.#sent];
      if (step === undefined || step.afterDone > this.#done || this.#isThinking) return;
      const delayMs = (step.thinkUs * this.#options.think) / 1000;
      if (delayMs >= 1) {
        this.#isThinking = true;
        setTimeout(() => {
          this.#isThinking = false;
          this.#send(step);
          this.advance();
        }, delayMs);
        return;
      }
      this.#send(step);
    }
  }

  #send(step: Step): void {
    this.#sent += 1;
    const { figures } = this.#options;
    const done = (): void => {
      this.#done += 1;
      this.advance();
    };
    switch (step.kind) {
      case "read":
        return this.#session.read(step.lba, step.blocks, new Read(step, figures, done));
      case "write": {
        figures.writtenBytes += step.blocks * 512;
        return this.#session.write(step.lba, stampedSectors(step.lba, step.blocks, "written"), { done });
      }
      case "flush":
        return this.#session.flush({ done });
    }
  }
}

/** A read on its way: looks whether the sampled bytes are the right ones. */
class Read implements Command {
  readonly #sentMs = performance.now();
  readonly #step: Step & { kind: "read" };
  readonly #sample: Sample | undefined;
  readonly #figures: ReplayFigures;
  readonly #done: () => void;
  #matched = 0;

  constructor(step: Step & { kind: "read" }, figures: ReplayFigures, done: () => void) {
    this.#step = step;
    this.#sample = step.sample;
    this.#figures = figures;
    this.#done = done;
  }

  data(piece: Buffer, offset: number): void {
    const sample = this.#sample;
    if (sample === undefined || offset >= sample.offset + STAMP_BYTES || offset + piece.length <= sample.offset) return;
    const from = Math.max(offset, sample.offset);
    const until = Math.min(offset + piece.length, sample.offset + STAMP_BYTES);
    for (let at = from; at < until; at++) {
      if (piece[at - offset] === sample.bytes[at - sample.offset]) this.#matched += 1;
    }
  }

  done(): void {
    const { lba, blocks } = this.#step;
    if (this.#sample !== undefined && this.#matched !== STAMP_BYTES) {
      const sector = lba + this.#sample.offset / 512;
      throw new Error(`wrong bytes: sector ${sector}, in a read of ${blocks} blocks at ${lba}`);
    }
    if (this.#sample !== undefined) this.#figures.verifiedReads += 1;
    this.#figures.readBytes += blocks * 512;
    this.#figures.readLatencyUs.push((performance.now() - this.#sentMs) * 1000);
    this.#done();
  }
}
