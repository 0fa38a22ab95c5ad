import { pdu, type ReceivedPdu } from "../packages/iscsi/test/initiator.ts";
import { type Harness, READS, type TestConnection, WRITES } from "../packages/iscsi/test/harness.ts";

const SECTOR_BYTES = 512;
/** Unsolicited with the command; the rest of a write waits for R2T. */
const IMMEDIATE_BYTES = 4096;
const DATA_OUT_BYTES = 2048;
const CHECK_CONDITION = 2;
const UNIT_ATTENTION = 6;
const FUA = 0x08;

/** The target said CHECK CONDITION. */
export class CommandFailed extends Error {
  override readonly name = "CommandFailed";
  readonly senseKey: number;

  constructor(operation: number, senseKey: number) {
    super(`SCSI command ${operation.toString(16)} failed with sense key ${senseKey}`);
    this.senseKey = senseKey;
  }
}

interface Running {
  readonly cdb: readonly number[];
  readonly dataOut: Uint8Array;
  readonly dataIn: Uint8Array;
  resolve(): void;
  reject(error: unknown): void;
}

/** A disk at the other end of a session: what a test does with a block device goes over iSCSI, PDU by PDU, many commands at once. */
export class PduDisk {
  readonly sizeBytes: number;
  readonly #connection: TestConnection;
  readonly #running = new Map<number, Running>();
  #isReading = false;

  private constructor(connection: TestConnection, sizeBytes: number) {
    this.#connection = connection;
    this.sizeBytes = sizeBytes;
  }

  /** Logs in to the harness's disk. */
  static async login(harness: Harness, sizeBytes: number): Promise<PduDisk> {
    return new PduDisk(await harness.login(["InitialR2T=Yes", "ImmediateData=Yes", "MaxOutstandingR2T=4"]), sizeBytes);
  }

  /** READ(10). */
  async read(offset: number, into: Uint8Array): Promise<void> {
    await this.#command(tenByteCdb(0x28, 0, offset, into.length), { dataIn: into });
  }

  /** WRITE(10). */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#command(tenByteCdb(0x2a, 0, offset, bytes.length), { dataOut: bytes });
  }

  /** WRITE(10) with FUA. */
  async writeThrough(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#command(tenByteCdb(0x2a, FUA, offset, bytes.length), { dataOut: bytes });
  }

  /** SYNCHRONIZE CACHE(10) of the whole disk. */
  async flush(): Promise<void> {
    await this.#command(tenByteCdb(0x35, 0, 0, 0), {});
  }

  /** UNMAP of one range. */
  async discard(offset: number, length: number): Promise<void> {
    const list = new DataView(new ArrayBuffer(24));
    list.setUint16(0, 22);
    list.setUint16(2, 16);
    list.setBigUint64(8, BigInt(offset / SECTOR_BYTES));
    list.setUint32(16, length / SECTOR_BYTES);
    await this.#command([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], { dataOut: new Uint8Array(list.buffer) });
  }

  async #command(cdb: readonly number[], data: { dataOut?: Uint8Array; dataIn?: Uint8Array }): Promise<void> {
    const { dataOut = new Uint8Array(0), dataIn = new Uint8Array(0) } = data;
    try {
      await this.#send(cdb, dataOut, dataIn);
    } catch (error) {
      // A session begins with one: the target was switched on.
      if (!(error instanceof CommandFailed) || error.senseKey !== UNIT_ATTENTION) throw error;
      await this.#command(cdb, data);
    }
  }

  #send(cdb: readonly number[], dataOut: Uint8Array, dataIn: Uint8Array): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const itt = this.#connection.command(cdb, {
      flags: dataOut.length > 0 ? WRITES : dataIn.length > 0 ? READS : 0x80,
      expected: dataOut.length + dataIn.length,
      data: dataOut.subarray(0, IMMEDIATE_BYTES),
    });
    this.#running.set(itt, { cdb, dataOut, dataIn, resolve, reject });
    if (!this.#isReading) this.#readAnswers().catch((error: unknown) => this.#endAll(error));
    return promise;
  }

  async #readAnswers(): Promise<void> {
    this.#isReading = true;
    for (let idle = 0; this.#running.size > 0 && idle < 50; idle++) {
      const received = await this.#connection.receive();
      if (received.length > 0) idle = 0;
      for (const one of received) this.#take(one);
    }
    this.#endAll(new Error("the target does not answer"));
  }

  #endAll(error: unknown): void {
    this.#isReading = false;
    for (const running of this.#running.values()) running.reject(error);
    this.#running.clear();
  }

  #take(received: ReceivedPdu): void {
    const running = this.#running.get(received.itt);
    if (running === undefined) throw new Error(`answer to no command: opcode ${received.opcode}`);
    const [, offset, length] = received.words;
    if (received.opcode === 0x31) return this.#sendData(received, running.dataOut.subarray(offset, offset + length));
    if (received.opcode === 0x25) running.dataIn.set(received.data, offset);
    const hasStatus = received.opcode === 0x21 || (received.flags & 1) !== 0;
    if (!hasStatus) return;
    this.#running.delete(received.itt);
    const status = received.header[3];
    if (status === 0) return running.resolve();
    const senseKey = status === CHECK_CONDITION ? (received.data[4] ?? 0) & 0x0f : -1;
    running.reject(new CommandFailed(running.cdb[0] ?? 0, senseKey));
  }

  #sendData(r2t: ReceivedPdu, bytes: Uint8Array): void {
    for (let at = 0, dataSN = 0; at < bytes.length; at += DATA_OUT_BYTES, dataSN++) {
      this.#connection.send(
        pdu("dataOut", {
          itt: r2t.itt,
          word20: r2t.ttt,
          dataSN,
          bufferOffset: r2t.words[1] + at,
          flags: at + DATA_OUT_BYTES >= bytes.length ? 0x80 : 0,
          data: bytes.subarray(at, at + DATA_OUT_BYTES),
        }),
      );
    }
  }
}

/** READ(10), WRITE(10), SYNCHRONIZE CACHE(10) have one layout (SBC-4 §5). */
function tenByteCdb(operation: number, flags: number, offset: number, length: number): number[] {
  const lba = offset / SECTOR_BYTES;
  const count = length / SECTOR_BYTES;
  return [
    operation,
    flags,
    lba >>> 24,
    (lba >>> 16) & 0xff,
    (lba >>> 8) & 0xff,
    lba & 0xff,
    0,
    count >>> 8,
    count & 0xff,
    0,
  ];
}
