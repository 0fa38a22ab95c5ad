import { doneWith } from "../scsi/execute.ts";
import type { DataInExecution } from "../scsi/execution.ts";
import { SenseOf } from "../scsi/sense.ts";
import { ScsiStatus } from "../scsi/status.ts";
import { putDataIn } from "./data-in.ts";
import { MAX_PDU_DATA_BYTES } from "./output.ts";
import type { Task, TaskHost, TaskIdentity } from "./task.ts";

const SECTOR = 512;

/**
 * A command that sends data: pieces go out in order, one PDU each, as long as the connection takes them. The device fills each
 * PDU in place; when it answers at once no promise and no copy is made. GOOD travels in the last PDU, any other status in a PDU of its own.
 */
export class DataInTask implements Task {
  readonly identity: TaskIdentity;
  readonly #host: TaskHost;
  readonly #execution: DataInExecution;
  /** Bytes that will be sent: never more than the initiator expects. */
  readonly #total: number;
  readonly #largestPiece: number;
  #sent = 0;
  #burst = 0;
  #dataSN = 0;
  #aborted = false;
  /** Settles when the device has answered. */
  #reading: Promise<void> | undefined;

  constructor(host: TaskHost, identity: TaskIdentity, execution: DataInExecution) {
    this.identity = identity;
    this.#host = host;
    this.#execution = execution;
    this.#total = Math.min(execution.length, identity.expectedDataTransferLength);
    const largest = Math.min(
      MAX_PDU_DATA_BYTES,
      host.parameters.maxSendDataSegmentLength,
      host.parameters.maxBurstLength,
    );
    this.#largestPiece = largest - (largest % SECTOR);
  }

  /** Runs until the data is out, the output is full, or the device needs time. */
  start(): void {
    if (this.#total === 0) {
      const residual = this.#execution.length - this.identity.expectedDataTransferLength;
      this.#host.end(this, { status: ScsiStatus.good, residual, expDataSN: 0 });
      return;
    }
    this.#pump();
  }

  abort(): Promise<void> | undefined {
    this.#aborted = true;
    return this.#reading;
  }

  #pump(): void {
    const { output } = this.#host;
    while (this.#sent < this.#total) {
      if (this.#aborted) return;
      if (output.isCrowded) {
        this.#host.whenDrained(() => this.#pump());
        return;
      }
      const room = Math.min(this.#largestPiece, this.#execution.length - this.#sent, this.#burstRoom());
      const at = output.reserve(room);
      const dataAt = at + output.dataOffset;
      let later: void | Promise<void>;
      try {
        later = this.#execution.produce(this.#sent, output.bytes.subarray(dataAt, dataAt + room));
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (later !== undefined) {
        this.#pumpLater(later, room);
        return;
      }
      const length = this.#putHeader(output.bytes, at, room);
      output.commit(length);
    }
  }

  #pumpLater(later: Promise<void>, room: number): void {
    const { output } = this.#host;
    const kept = output.keep(room);
    this.#reading = later.then(
      () => {
        this.#reading = undefined;
        if (this.#aborted) {
          output.drop(kept);
          return;
        }
        const length = this.#putHeader(kept.buffer.bytes, kept.at, room);
        output.commitKept(kept, length);
        this.#host.flushSoon();
        this.#pump();
      },
      (error: unknown) => {
        this.#reading = undefined;
        output.drop(kept);
        if (this.#aborted) return;
        this.#fail(error);
        this.#host.flushSoon();
      },
    );
  }

  /** What is left of the current sequence of at most MaxBurstLength bytes. */
  #burstRoom(): number {
    const { maxBurstLength } = this.#host.parameters;
    return maxBurstLength - (maxBurstLength % SECTOR) - this.#burst;
  }

  /** Returns the length of the data: less than was read where the initiator expects a part of a block only. */
  #putHeader(bytes: Uint8Array, at: number, room: number): number {
    const host = this.#host;
    const bufferOffset = this.#sent;
    const length = Math.min(room, this.#total - bufferOffset);
    this.#sent += length;
    this.#burst += length;
    const last = this.#sent === this.#total;
    const final = last || this.#burstRoom() === 0;
    if (final) this.#burst = 0;
    if (last) host.counters.readBytes += this.#total;
    const { statSN, expCmdSN, maxCmdSN } = last ? host.leave(this) : host.sequence();
    putDataIn(bytes, at, {
      initiatorTaskTag: this.identity.initiatorTaskTag,
      final,
      withStatus: last,
      dataSN: this.#dataSN++,
      bufferOffset,
      residual: last ? this.#execution.length - this.identity.expectedDataTransferLength : 0,
      dataLength: length,
      statSN,
      expCmdSN,
      maxCmdSN,
    });
    return length;
  }

  #fail(error: unknown): void {
    const { status, sense } = doneWith(error, SenseOf.unrecoveredReadError);
    const residual = this.#sent - this.identity.expectedDataTransferLength;
    const ending = { status, residual, expDataSN: this.#dataSN };
    this.#host.end(this, sense === undefined ? ending : { ...ending, sense });
  }
}
