import type { BlockDevice } from "../block-device.ts";
import { SenseOf } from "./sense.ts";
import type { Sense } from "./sense.ts";

/** What is done and made stable in one step; between steps the device may be taken away. */
const ERASE_STEP_BYTES = 1_073_741_824;
const OVERWRITE_STEP_BYTES = 8_388_608;
/** One write of an overwriting step. */
const PIECE_BYTES = 1_048_576;

/** What a SANITIZE does to every block of the disk. */
export type SanitizePlan =
  | { readonly kind: "blockErase" }
  | {
      readonly kind: "overwrite";
      /** What every block holds afterwards: one block. */
      readonly block: Uint8Array;
      readonly passes: number;
      /** The bits change from pass to pass. */
      readonly invert: boolean;
    };

/**
 * One sanitize operation (SBC-3 §4.11): it belongs to the unit, not to the session that asked for it, and goes on through aborts, resets
 * and the end of sessions. Without any session there is no device to work on: then it rests until one comes.
 */
export class SanitizeOperation {
  /** AUSE: EXIT FAILURE MODE is allowed if this fails. */
  readonly allowsExit: boolean;
  /** Settles with nothing when done, or with what the initiator is told; never rejects. */
  readonly ended: Promise<Sense | undefined>;
  readonly #plan: SanitizePlan;
  readonly #sizeBytes: number;
  readonly #totalBytes: number;
  #devices: ReadonlySet<BlockDevice>;
  #doneBytes = 0;
  #step: { readonly device: BlockDevice; readonly settled: Promise<void> } | undefined;
  /** Called when a device is there again. */
  #wake: (() => void) | undefined;
  #hasFailed = false;

  /** Begins at once on one of the devices, which are all the same disk. */
  constructor(plan: SanitizePlan, allowsExit: boolean, sizeBytes: number, devices: Iterable<BlockDevice>) {
    this.#plan = plan;
    this.allowsExit = allowsExit;
    this.#sizeBytes = sizeBytes;
    this.#totalBytes = sizeBytes * (plan.kind === "overwrite" ? plan.passes : 1);
    this.#devices = new Set(devices);
    this.ended = this.#run();
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** What all commands but a few are answered with meanwhile, and after a failure. */
  get sense(): Sense {
    if (this.#hasFailed) return SenseOf.sanitizeCommandFailed;
    return { ...SenseOf.sanitizeInProgress, progress: Math.floor((this.#doneBytes / this.#totalBytes) * 65_536) };
  }

  /** The devices of the sessions that are there now. Resolves when none of the others is used any more. */
  async use(devices: Iterable<BlockDevice>): Promise<void> {
    this.#devices = new Set(devices);
    if (this.#devices.size > 0) this.#wake?.();
    const step = this.#step;
    if (step !== undefined && !this.#devices.has(step.device)) await step.settled;
  }

  async #run(): Promise<Sense | undefined> {
    try {
      while (this.#doneBytes < this.#totalBytes) {
        const [device] = this.#devices;
        if (device === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
        else await this.#runStep(device);
      }
      return undefined;
    } catch {
      // Whatever the device said: the initiator is told that it failed, and reads nothing before another SANITIZE or EXIT FAILURE MODE.
      this.#hasFailed = true;
      return SenseOf.sanitizeCommandFailed;
    }
  }

  async #runStep(device: BlockDevice): Promise<void> {
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    this.#step = { device, settled };
    const offset = this.#doneBytes % this.#sizeBytes;
    const stepBytes = this.#plan.kind === "blockErase" ? ERASE_STEP_BYTES : OVERWRITE_STEP_BYTES;
    const length = Math.min(stepBytes, this.#sizeBytes - offset);
    try {
      if (this.#plan.kind === "blockErase") await device.discard(offset, length);
      else await this.#overwrite(device, this.#plan, offset, length);
      // Also what keeps a device that answers at once from holding up everybody else.
      await device.flush();
      this.#doneBytes += length;
    } finally {
      this.#step = undefined;
      resolve();
    }
  }

  async #overwrite(
    device: BlockDevice,
    { block, invert }: Extract<SanitizePlan, { kind: "overwrite" }>,
    offset: number,
    length: number,
  ): Promise<void> {
    const isInverted = invert && Math.floor(this.#doneBytes / this.#sizeBytes) % 2 === 1;
    const written = isInverted ? block.map((byte) => ~byte) : block;
    const piece = new Uint8Array(Math.min(PIECE_BYTES, length));
    for (let at = 0; at < piece.length; at += written.length) piece.set(written, at);
    for (let at = 0; at < length; at += piece.length) {
      await device.write(offset + at, piece.subarray(0, Math.min(piece.length, length - at)));
    }
  }
}
