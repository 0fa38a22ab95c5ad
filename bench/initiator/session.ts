import { connect, type Socket } from "node:net";
import {
  firstLoginPdu,
  flushPdu,
  isLoggedIn,
  type LoginNames,
  secondLoginPdu,
  testUnitReadyPdu,
  transferPdu,
} from "./command-pdu.ts";
import { PduSender } from "./pdu-sender.ts";
import { type ResponseListener, ResponseReader } from "./response-reader.ts";

/** Where to log in, and how the session is to be. */
export interface SessionOptions extends LoginNames {
  readonly address: string;
  readonly port: number;
  readonly lun: number;
  readonly maxRecvDataSegmentLength: number;
  /** Header and data digests in both directions (default none). Those that come are not checked. */
  readonly digests?: boolean;
  /** The connection broke, or the target answered with something unexpected. The session is over. */
  readonly failed: (error: Error) => void;
}

/** A command that waits for its end; reused, so that a command makes no garbage. */
export interface Command {
  /** Called once, when the target says that it is done. */
  done(): void;
  /** For reads: bytes of the transfer and where they belong in it. Valid during the call. */
  data?(piece: Buffer, offset: number): void;
}

interface OpenCommand {
  command: Command;
  payload: Buffer | undefined;
  receivedBytes: number;
  expectedBytes: number;
}

const Response = { scsi: 0x21, login: 0x23, dataIn: 0x25, r2t: 0x31, nopIn: 0x20 } as const;
const STATUS_BIT = 0x01;
/** One buffer for all sessions of a process: what arrives is looked at before the next read. */
const RECEIVE_BUFFER = Buffer.alloc(262_144);

/**
 * An iSCSI session that measures targets: as little work per command as JavaScript allows. No CHAP, no error recovery; anything
 * unexpected ends it.
 */
export class Session implements ResponseListener {
  readonly #options: SessionOptions;
  readonly #socket: Socket;
  readonly #reader: ResponseReader;
  readonly #sender: PduSender;
  readonly #open = new Map<number, OpenCommand>();
  readonly #ready = Promise.withResolvers<void>();
  #text = "";
  #tag = 0;
  #cmdSN = 1;
  #expStatSN = 0;
  /** The target's MaxRecvDataSegmentLength. */
  #maxSendBytes = 8192;
  #sendsImmediate = false;
  #firstBurstBytes = 65_536;
  #current: OpenCommand | undefined;
  #segmentOffset = 0;
  /** Flags of a login response whose text is coming, or -1. */
  #loginFlags = -1;
  /** Tag of the command that ends with the PDU that is coming. */
  #endsWith: number | undefined;
  #isOver = false;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#reader = new ResponseReader(this);
    this.#socket = connect({
      host: options.address,
      port: options.port,
      noDelay: true,
      onread: {
        buffer: RECEIVE_BUFFER,
        callback: (length: number, buffer: Uint8Array) => {
          try {
            this.#reader.push(buffer.subarray(0, length) as Buffer);
          } catch (error) {
            this.#fail(error as Error);
          }
          return true;
        },
      },
    });
    this.#sender = new PduSender(this.#socket);
    this.#socket.on("error", (error) => this.#fail(error));
    this.#socket.on("close", () => this.#fail(new Error("the target closed the connection")));
    this.#socket.write(firstLoginPdu(options));
  }

  /** Logs in; rejects when the target refuses. */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    await session.#ready.promise;
    // The first commands of a session may be answered with unit attentions.
    for (let tries = 0; tries < 3; tries++) await session.#testUnitReady();
    return session;
  }

  /** Reads blocks; the pieces go to `command.data`. */
  read(lba: number, blocks: number, command: Command): void {
    this.#send(transferPdu("read", lba, blocks, this.#options.lun), {
      command,
      payload: undefined,
      receivedBytes: 0,
      expectedBytes: blocks * 512,
    });
  }

  /** Writes whole blocks; `payload` must not change until `done`. */
  write(lba: number, payload: Buffer, command: Command): void {
    const pdu = transferPdu("write", lba, payload.length / 512, this.#options.lun);
    const immediate = this.#sendsImmediate ? Math.min(payload.length, this.#firstBurstBytes, this.#maxSendBytes) : 0;
    pdu.writeUIntBE(immediate, 5, 3);
    this.#send(pdu, { command, payload, receivedBytes: 0, expectedBytes: 0 }, payload.subarray(0, immediate));
  }

  /** SYNCHRONIZE CACHE. */
  flush(command: Command): void {
    this.#send(flushPdu(this.#options.lun), { command, payload: undefined, receivedBytes: 0, expectedBytes: 0 });
  }

  /** Ends the connection; nothing is told any more. */
  close(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #testUnitReady(): Promise<void> {
    return new Promise((resolve) => {
      const command = { done: resolve };
      const pdu = testUnitReadyPdu(this.#options.lun);
      // Its status may be CHECK CONDITION: no length is expected, so `end` does not look at it.
      this.#send(pdu, { command, payload: undefined, receivedBytes: 0, expectedBytes: -1 });
    });
  }

  #send(pdu: Buffer, open: OpenCommand, data?: Buffer): void {
    this.#tag = (this.#tag + 1) & 0x7fff_ffff;
    this.#open.set(this.#tag, open);
    pdu.writeUInt32BE(this.#tag, 16);
    pdu.writeUInt32BE(this.#cmdSN, 24);
    pdu.writeUInt32BE(this.#expStatSN, 28);
    this.#cmdSN = (this.#cmdSN + 1) >>> 0;
    this.#sender.send(pdu, data);
  }

  /** See ResponseListener. */
  header(header: Buffer): void {
    const opcode = header.readUInt8(0) & 0x3f;
    const flags = header.readUInt8(1);
    switch (opcode) {
      case Response.dataIn: {
        this.#current = this.#openOf(header);
        this.#segmentOffset = header.readUInt32BE(40);
        this.#loginFlags = -1;
        if ((flags & STATUS_BIT) !== 0) this.#status(header, header.readUInt8(3));
        else this.#endsWith = undefined;
        return;
      }
      case Response.scsi:
        this.#current = undefined;
        this.#status(header, header.readUInt8(3));
        return;
      case Response.r2t:
        this.#current = undefined;
        return this.#sendBurst(header);
      case Response.nopIn:
        this.#current = undefined;
        return;
      case Response.login:
        if (header.readUInt16BE(36) !== 0) throw new Error(`login refused: ${header.readUInt16BE(36).toString(16)}`);
        this.#expStatSN = (header.readUInt32BE(24) + 1) >>> 0;
        this.#loginFlags = flags;
        return;
      default:
        throw new Error(`unexpected answer, opcode 0x${opcode.toString(16)}`);
    }
  }

  #status(header: Buffer, status: number): void {
    const tag = header.readUInt32BE(16);
    const open = this.#openOf(header);
    if (status !== 0 && open.expectedBytes !== -1) throw new Error(`a command ended with status ${status}`);
    this.#expStatSN = (header.readUInt32BE(24) + 1) >>> 0;
    this.#endsWith = tag;
  }

  #openOf(header: Buffer): OpenCommand {
    const tag = header.readUInt32BE(16);
    const open = this.#open.get(tag);
    if (open === undefined) throw new Error(`an answer to a command that is not open, tag ${tag}`);
    return open;
  }

  /** See ResponseListener. */
  data(piece: Buffer, at: number): void {
    if (this.#loginFlags !== -1) this.#text += piece.toString("latin1");
    const open = this.#current;
    if (open === undefined) return;
    open.receivedBytes += piece.length;
    open.command.data?.(piece, this.#segmentOffset + at);
  }

  /** See ResponseListener. */
  end(): void {
    if (this.#loginFlags !== -1) return this.#loginAnswered();
    const tag = this.#endsWith;
    if (tag === undefined) return;
    this.#endsWith = undefined;
    const open = this.#open.get(tag);
    this.#open.delete(tag);
    if (open === undefined) return;
    const { receivedBytes, expectedBytes } = open;
    if (expectedBytes >= 0 && receivedBytes !== expectedBytes) {
      throw new Error(`a read of ${expectedBytes} bytes was answered with ${receivedBytes}`);
    }
    open.command.done();
  }

  #loginAnswered(): void {
    const flags = this.#loginFlags;
    this.#loginFlags = -1;
    if (isLoggedIn(flags)) {
      const keys = new Map(this.#text.split("\0").map((pair) => pair.split("=", 2) as [string, string]));
      this.#maxSendBytes = Number(keys.get("MaxRecvDataSegmentLength") ?? 8192);
      this.#firstBurstBytes = Number(keys.get("FirstBurstLength") ?? 65_536);
      this.#sendsImmediate = keys.get("ImmediateData") === "Yes";
      const hasDigests = keys.get("HeaderDigest") === "CRC32C" && keys.get("DataDigest") === "CRC32C";
      if (hasDigests !== (this.#options.digests === true)) throw new Error("the target wants other digests");
      this.#sender.hasDigests = this.#reader.hasHeaderDigest = this.#reader.hasDataDigest = hasDigests;
      return this.#ready.resolve();
    }
    const digest = this.#options.digests === true ? "CRC32C" : "None";
    this.#socket.write(
      secondLoginPdu(this.#options.isid, this.#expStatSN, {
        HeaderDigest: digest,
        DataDigest: digest,
        InitialR2T: "No",
        ImmediateData: "Yes",
        MaxRecvDataSegmentLength: this.#options.maxRecvDataSegmentLength,
        MaxBurstLength: 16_776_192,
        FirstBurstLength: 262_144,
        MaxConnections: 1,
        MaxOutstandingR2T: 1,
        ErrorRecoveryLevel: 0,
      }),
    );
  }

  #sendBurst(header: Buffer): void {
    const { payload } = this.#openOf(header);
    const from = header.readUInt32BE(40);
    const until = from + header.readUInt32BE(44);
    if (payload === undefined || until > payload.length) throw new Error(`an R2T for bytes ${from} to ${until}`);
    const [tag, transferTag] = [header.readUInt32BE(16), header.readUInt32BE(20)];
    const burst = { tag, transferTag, lun: this.#options.lun, expStatSN: this.#expStatSN, from, until };
    this.#sender.sendBurst(burst, payload, this.#maxSendBytes);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.close();
    this.#ready.reject(error);
    this.#options.failed(error);
  }
}
