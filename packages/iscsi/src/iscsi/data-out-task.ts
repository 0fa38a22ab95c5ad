import { MAX_WRITE_BURST_BYTES } from "../limits.ts";
import { doneWith } from "../scsi/execute.ts";
import type { DataOutExecution } from "../scsi/execution.ts";
import { CheckCondition, SenseOf } from "../scsi/sense.ts";
import type { Sense } from "../scsi/sense.ts";
import { ScsiStatus } from "../scsi/status.ts";
import { NO_TAG } from "./bhs.ts";
import type { BufferPool, PooledBuffer } from "./buffer-pool.ts";
import type { DataOut } from "./data-out.ts";
import type { FramedPdu } from "./framer.ts";
import { putReadyToTransfer } from "./ready-to-transfer.ts";
import type { Task, TaskHost, TaskIdentity } from "./task.ts";

/** One run of data: the unsolicited part of a command, or what one R2T asked for. */
interface Burst {
  readonly targetTransferTag: number;
  /** Offset in the transfer. */
  readonly start: number;
  readonly length: number;
  have: number;
  nextDataSN: number;
  /** Where the pieces are put together; absent as long as one PDU may bring it all. */
  buffer: PooledBuffer | undefined;
}

/**
 * A command that takes data: immediate data, unsolicited data up to FirstBurstLength, then R2Ts, several at a time. A burst that comes
 * in one PDU is given to the command where it lies in the receive buffer; one that comes in pieces (iPXE sends 512 bytes each) is put together first.
 */
export class DataOutTask implements Task {
  readonly identity: TaskIdentity;
  readonly #host: TaskHost;
  readonly #pool: BufferPool;
  readonly #execution: DataOutExecution;
  /** Bytes that will be asked for: never more than the initiator expects to give. */
  readonly #total: number;
  readonly #bursts = new Map<number, Burst>();
  /** End of what has been asked for or come unasked. */
  #requested = 0;
  /** R2Ts that wait for permission. */
  #waiting = 0;
  #r2tSN = 0;
  #received = 0;
  #inFlight = 0;
  #failure: unknown;
  #failed = false;
  #finishing = false;
  #aborted = false;
  #settled: (() => void) | undefined;

  constructor(host: TaskHost, pool: BufferPool, identity: TaskIdentity, execution: DataOutExecution) {
    this.identity = identity;
    this.#host = host;
    this.#pool = pool;
    this.#execution = execution;
    this.#total = Math.min(execution.length, identity.expectedDataTransferLength);
  }

  /** Takes the immediate data. `final`: no unsolicited Data-Out follows. */
  start(pdu: FramedPdu, final: boolean): void {
    const { parameters } = this.#host;
    if (this.#total % this.#execution.granularity !== 0) {
      // The initiator gives a part of a block: refused as a whole, nothing is written (RFC 7143 leaves it to SCSI).
      this.#fail(new CheckCondition(SenseOf.invalidFieldInInformationUnit));
    }
    // FirstBurstLength bounds all unsolicited data, immediate data included.
    const unsolicited = Math.min(this.identity.expectedDataTransferLength, parameters.firstBurstLength);
    const immediate = pdu.dataLength;
    if (immediate > unsolicited || (immediate > 0 && !parameters.immediateData) || (!final && parameters.initialR2T)) {
      this.#fail(new CheckCondition(SenseOf.unexpectedUnsolicitedData));
    } else if (!final) {
      this.#open({ targetTransferTag: NO_TAG, start: 0, length: unsolicited });
      this.#append(this.#bursts.get(NO_TAG) as Burst, pdu);
      this.#requested = unsolicited;
    } else if (immediate > 0) {
      this.#requested = immediate;
      this.#consumePdu(pdu, 0, immediate);
    }
    this.#advance();
  }

  /** Takes one Data-Out PDU. */
  receive(header: DataOut, pdu: FramedPdu): void {
    const burst = this.#bursts.get(header.targetTransferTag);
    if (burst === undefined) {
      this.#fail(new CheckCondition(SenseOf.unexpectedUnsolicitedData));
      return this.#advance();
    }
    const inOrder = header.dataSN === burst.nextDataSN && header.bufferOffset === burst.start + burst.have;
    burst.nextDataSN++;
    if (!inOrder || pdu.dataLength > burst.length - burst.have) {
      // With ErrorRecoveryLevel 0 what was lost is not asked for again (RFC 7143 §7.6).
      this.#close(burst);
      this.#fail(new CheckCondition(SenseOf.protocolServiceCrcError));
    } else if (header.final && burst.have === 0 && burst.buffer === undefined && pdu.dataLength === burst.length) {
      this.#close(burst);
      this.#consumePdu(pdu, burst.start, burst.length);
    } else {
      this.#append(burst, pdu);
      if (header.final) this.#complete(burst);
    }
    this.#advance();
  }

  abort(): Promise<void> | undefined {
    this.#aborted = true;
    for (const burst of this.#bursts.values()) this.#close(burst);
    if (this.#inFlight === 0 || (this.#finishing && this.#execution.outlivesCommand === true)) return undefined;
    return new Promise((resolve) => (this.#settled = resolve));
  }

  #open(burst: { targetTransferTag: number; start: number; length: number }): void {
    this.#bursts.set(burst.targetTransferTag, { ...burst, have: 0, nextDataSN: 0, buffer: undefined });
  }

  #close(burst: Burst): void {
    this.#bursts.delete(burst.targetTransferTag);
    burst.buffer?.release();
    burst.buffer = undefined;
    if (burst.targetTransferTag !== NO_TAG) this.#host.solicitedDone(burst.length);
  }

  #append(burst: Burst, pdu: FramedPdu): void {
    if (pdu.dataLength === 0) return;
    burst.buffer ??= this.#pool.take();
    burst.buffer.bytes.set(pdu.bytes.subarray(pdu.dataAt, pdu.dataAt + pdu.dataLength), burst.have);
    burst.have += pdu.dataLength;
  }

  /** F was set: the burst is whole, or, if nobody had asked for it, as long as the initiator wanted. */
  #complete(burst: Burst): void {
    const { buffer, have } = burst;
    buffer?.retain();
    this.#close(burst);
    if (burst.targetTransferTag === NO_TAG) this.#requested = burst.start + have;
    if (have !== burst.length && burst.targetTransferTag !== NO_TAG) {
      this.#fail(new CheckCondition(SenseOf.notEnoughUnsolicitedData));
    } else if (buffer !== undefined) {
      this.#consume(buffer.bytes, 0, burst.start, have, buffer);
    }
    buffer?.release();
  }

  /** Hands data of a PDU to the command; what the socket will read into again is copied for it. */
  #consumePdu(pdu: FramedPdu, start: number, length: number): void {
    if (pdu.buffer !== undefined) return this.#consume(pdu.bytes, pdu.dataAt, start, length, pdu.buffer);
    const copy = this.#pool.take();
    copy.bytes.set(pdu.bytes.subarray(pdu.dataAt, pdu.dataAt + length));
    this.#consume(copy.bytes, 0, start, length, copy);
    copy.release();
  }

  /** Hands data to the command. `buffer` is retained while that takes time. */
  #consume(bytes: Uint8Array, at: number, start: number, length: number, buffer: PooledBuffer): void {
    if (this.#failed) return;
    // The initiator may expect to give more than the command takes: the rest is left.
    const useful = Math.min(length, this.#total - start);
    if (useful <= 0) return;
    if (useful % this.#execution.granularity !== 0) {
      this.#fail(new CheckCondition(SenseOf.notEnoughUnsolicitedData));
      return;
    }
    this.#received += useful;
    try {
      const later = this.#execution.consume(start, bytes.subarray(at, at + useful));
      if (later !== undefined) this.#consumeLater(later, useful, buffer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #consumeLater(later: Promise<void>, length: number, buffer: PooledBuffer): void {
    buffer.retain();
    this.#inFlight++;
    this.#host.writing(length);
    const settle = (): void => {
      buffer.release();
      this.#inFlight--;
      this.#host.writing(-length);
      if (this.#aborted) {
        if (this.#inFlight === 0) this.#settled?.();
        return;
      }
      this.#advance();
      this.#host.flushSoon();
    };
    later.then(settle, (error: unknown) => {
      this.#fail(error);
      settle();
    });
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#failure = error;
  }

  /** Asks for more, or ends the command when nothing is missing and nothing is under way. */
  #advance(): void {
    if (this.#aborted || this.#finishing) return;
    if (!this.#failed) this.#requestMore();
    if (this.#bursts.size > 0 || this.#waiting > 0 || this.#inFlight > 0) return;
    this.#finishing = true;
    this.#finish();
  }

  #requestMore(): void {
    const { maxOutstandingR2T, maxBurstLength } = this.#host.parameters;
    // While unsolicited data still comes its end is not known.
    if (this.#bursts.has(NO_TAG)) return;
    while (this.#requested < this.#total && this.#bursts.size + this.#waiting < maxOutstandingR2T) {
      const start = this.#requested;
      const length = Math.min(MAX_WRITE_BURST_BYTES, maxBurstLength - (maxBurstLength % 512), this.#total - start);
      this.#requested += length;
      this.#waiting++;
      this.#host.solicit(length, () => this.#sendR2t(start, length));
    }
  }

  #sendR2t(start: number, length: number): void {
    this.#waiting--;
    if (this.#aborted || this.#failed) {
      this.#host.solicitedDone(length);
      this.#advance();
      return;
    }
    const targetTransferTag = this.#host.nextTransferTag();
    this.#open({ targetTransferTag, start, length });
    const { output } = this.#host;
    const at = output.reserve(0);
    putReadyToTransfer(output.bytes, at, {
      ...this.#host.sequence(),
      initiatorTaskTag: this.identity.initiatorTaskTag,
      targetTransferTag,
      r2tSN: this.#r2tSN++,
      bufferOffset: start,
      desiredDataTransferLength: length,
    });
    output.commit(0);
  }

  #finish(): void {
    if (this.#failed) return this.#endWith(this.#failure);
    let later: void | Promise<void>;
    try {
      later = this.#execution.finish(this.#received);
    } catch (error) {
      return this.#endWith(error);
    }
    if (later === undefined) return this.#endGood();
    this.#inFlight++;
    const settle = (end: () => void): void => {
      this.#inFlight--;
      if (this.#aborted) {
        if (this.#inFlight === 0) this.#settled?.();
        return;
      }
      end();
      this.#host.flushSoon();
    };
    later.then(
      () => settle(() => this.#endGood()),
      (error: unknown) => settle(() => this.#endWith(error)),
    );
    return undefined;
  }

  #endGood(): void {
    this.#host.counters.writtenBytes += this.#received;
    this.#end(ScsiStatus.good, undefined);
  }

  #endWith(error: unknown): void {
    const { status, sense } = doneWith(error, SenseOf.writeError);
    this.#end(status, sense);
  }

  #end(status: ScsiStatus, sense: Sense | undefined): void {
    const residual = this.#execution.length - this.identity.expectedDataTransferLength;
    const ending = { status, residual, expDataSN: this.#r2tSN };
    this.#host.end(this, sense === undefined ? ending : { ...ending, sense });
  }
}
