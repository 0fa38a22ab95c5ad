import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** Just enough of an iSCSI initiator to see on which thread a session is and what its disk holds. */
export class SmallInitiator {
  readonly socket: Socket;
  /** The end of the connection, whoever ends it. */
  readonly closed: Promise<unknown>;
  #received: Buffer = Buffer.alloc(0);
  #cmdSN = 1;

  private constructor(port: number) {
    this.socket = connect(port, "127.0.0.1").setNoDelay(true);
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.once("close", resolve));
    this.socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  /** Logs in; throws an error whose message is the status in hex where it is refused. */
  static async login(port: number, target: string, initiator = "iqn.2010-04.org.ipxe:x"): Promise<SmallInitiator> {
    const session = new SmallInitiator(port);
    const status = await session.sendLogin(0x87, { InitiatorName: initiator, TargetName: target });
    if (status === 0) {
      // TEST UNIT READY takes the unit attention of a disk that has just come up.
      session.#command(0x80, [0x00], 0);
      await session.#pdu();
      return session;
    }
    session.socket.destroy();
    throw new Error(status.toString(16).padStart(4, "0"));
  }

  /** A connection that has said nothing yet. */
  static open(port: number): SmallInitiator {
    return new SmallInitiator(port);
  }

  /** Sends one Login Request and returns the status of its answer. */
  async sendLogin(flags: number, keys: Readonly<Record<string, string>>): Promise<number> {
    const text = Object.entries(keys).map(([key, value]) => `${key}=${value}\0`);
    const data = Buffer.from(text.join(""));
    const header = Buffer.alloc(48);
    header.set([0x43, flags]);
    header.writeUIntBE(data.length, 5, 3);
    header.set([0x40, 0, 0, 1], 8);
    header.writeUInt32BE(1, 16);
    header.writeUInt32BE(1, 24);
    this.socket.write(Buffer.concat([header, padded(data)]));
    const reply = await this.#pdu();
    return reply.readUInt16BE(36);
  }

  /** READ(10). */
  async read(lba: number, blocks: number): Promise<Buffer> {
    this.#command(0xc0, [0x28, 0, 0, 0, lba >> 8, lba & 0xff, 0, blocks >> 8, blocks & 0xff, 0], blocks * 512);
    const parts: Buffer[] = [];
    for (;;) {
      const reply = await this.#pdu();
      if (((reply[0] ?? 0) & 0x3f) !== 0x25) throw new Error(`read failed: status ${reply[3]}`);
      parts.push(reply.subarray(48, 48 + reply.readUIntBE(5, 3)));
      if (((reply[1] ?? 0) & 1) !== 0) return Buffer.concat(parts);
    }
  }

  /** WRITE(10) of at most 64 KiB, all of it immediate data. */
  async write(lba: number, bytes: Uint8Array): Promise<void> {
    const blocks = bytes.length / 512;
    const cdb = [0x2a, 0, 0, 0, lba >> 8, lba & 0xff, 0, blocks >> 8, blocks & 0xff, 0];
    this.#command(0xa0, cdb, bytes.length, bytes);
    await this.#good();
  }

  /** Any command that takes data, all of it immediate. */
  async send(cdb: readonly number[], bytes: Uint8Array): Promise<void> {
    this.#command(0xa0, cdb, bytes.length, bytes);
    await this.#good();
  }

  /** SYNCHRONIZE CACHE(10). */
  async flush(): Promise<void> {
    this.#command(0x80, [0x35], 0);
    await this.#good();
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  #command(flags: number, cdb: readonly number[], expected: number, data: Uint8Array = new Uint8Array(0)): void {
    const header = Buffer.alloc(48);
    header.set([0x01, flags]);
    header.writeUIntBE(data.length, 5, 3);
    header.writeUInt32BE(this.#cmdSN, 16);
    header.writeUInt32BE(expected, 20);
    header.writeUInt32BE(this.#cmdSN++, 24);
    header.set(cdb, 32);
    this.socket.write(Buffer.concat([header, padded(data)]));
  }

  async #good(): Promise<void> {
    const reply = await this.#pdu();
    if (((reply[0] ?? 0) & 0x3f) !== 0x21 || reply[3] !== 0) throw new Error(`command failed: status ${reply[3]}`);
  }

  async #pdu(): Promise<Buffer> {
    for (;;) {
      const length = this.#received.length < 48 ? 48 : 48 + ((this.#received.readUIntBE(5, 3) + 3) & ~3);
      if (this.#received.length >= length) {
        const pdu = this.#received.subarray(0, length);
        this.#received = this.#received.subarray(length);
        return pdu;
      }
      if (this.socket.destroyed) throw new Error("the connection has ended");
      await Promise.race([once(this.socket, "data").catch(() => undefined), this.closed]);
    }
  }
}

function padded(data: Uint8Array): Buffer {
  return Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
}
