import { concatBytes } from "@ingot/wire";
import { expect } from "vitest";
import { BufferPool } from "../src/iscsi/buffer-pool.ts";
import { BusyPoll } from "../src/iscsi/busy-poll.ts";
import { Connection } from "../src/iscsi/connection.ts";
import type { Transport } from "../src/iscsi/output.ts";
import { Target } from "../src/iscsi/target.ts";
import type { IscsiEvent } from "../src/iscsi/target.ts";
import type { BlockDevice } from "../src/block-device.ts";
import type { Resolution, TargetDirectory } from "../src/directory.ts";
import { LoginFlags, loginRequest, pdu, splitPdus } from "./initiator.ts";
import type { PduFields, ReceivedPdu } from "./initiator.ts";
import { MemoryDevice } from "./memory-device.ts";

export const TARGET_NAME = "iqn.2026-11.org.ingot:disk";
export const INITIATOR_NAME = "iqn.2010-04.org.ipxe:test";

/** A transport without a network: remembers what was sent, and lets a test decide when it "has gone out". */
export class MemoryTransport implements Transport {
  ended = false;
  paused = false;
  /** When true, nothing goes out until `release`. */
  stuck = false;
  #parts: Uint8Array[] = [];
  #unsent: (() => void)[] = [];

  send(parts: readonly Uint8Array[], sent: () => void): void {
    this.#parts.push(...parts.map((part) => part.slice()));
    if (this.stuck) this.#unsent.push(sent);
    else queueMicrotask(sent);
  }

  /** Lets everything go out that was held back. */
  release(): void {
    this.stuck = false;
    for (const sent of this.#unsent.splice(0)) sent();
  }

  pauseReading(): void {
    this.paused = true;
  }

  resumeReading(): void {
    this.paused = false;
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  end(): void {
    this.ended = true;
  }

  take(): Uint8Array {
    return concatBytes(this.#parts.splice(0));
  }
}

/** A whole target with one memory disk, and connections to it without sockets. */
export class Harness {
  readonly events: IscsiEvent[] = [];
  readonly closed: string[] = [];
  /** What the target's clock shows. */
  elapsedMs = 0;
  nowMs = 1_700_000_000_000;
  readonly target: Target;

  constructor(
    options: {
      device?: BlockDevice;
      directory?: Partial<TargetDirectory>;
      disk?: Partial<Extract<Resolution, { kind: "disk" }>>;
      pool?: BufferPool;
      portals?: readonly string[];
    } = {},
  ) {
    const device = options.device ?? new MemoryDevice(1_048_576);
    this.target = new Target({
      directory: {
        credentials: async () => undefined,
        resolve: async ({ targetName, initiatorName }) =>
          targetName === TARGET_NAME
            ? {
                kind: "disk",
                device,
                id: "disk-1",
                closed: () => void this.closed.push(initiatorName),
                ...options.disk,
              }
            : { kind: "refused", reason: "notFound" },
        list: async () => [{ targetName: TARGET_NAME }],
        ...options.directory,
      },
      pool: options.pool ?? new BufferPool(),
      // Nothing sleeps here that would have to be kept awake.
      busyPoll: new BusyPoll({ now: () => 0, soon: () => undefined }),
      random: (length) => new Uint8Array(length).fill(0x5a),
      portals: () => options.portals ?? [],
      now: () => this.nowMs,
      elapsedMs: () => this.elapsedMs,
      report: (event) => void this.events.push(event),
    });
  }

  connect(portal = "10.0.0.1:3260"): TestConnection {
    return new TestConnection(this.target, portal);
  }

  /** A connection that is logged in, with what iPXE would not ask for: no digests, unsolicited data allowed. */
  async login(
    keys: readonly string[] = ["InitialR2T=No", "ImmediateData=Yes"],
    fields: PduFields = {},
  ): Promise<TestConnection> {
    const connection = this.connect();
    const names = [`InitiatorName=${INITIATOR_NAME}`, `TargetName=${TARGET_NAME}`, "SessionType=Normal"];
    connection.send(loginRequest(LoginFlags.operationalToFullFeature, [...names, ...keys], fields));
    const [reply] = await connection.receive();
    if (reply?.opcode !== 0x23 || reply.words[0] !== 0) throw new Error("login failed");
    return connection;
  }
}

/** One connection as its initiator sees it. */
export class TestConnection {
  readonly transport: MemoryTransport = new MemoryTransport();
  readonly connection: Connection;
  digests: { header: boolean; data: boolean } = { header: false, data: false };
  cmdSN = 1;
  #itt = 100;

  constructor(target: Target, portal: string) {
    this.connection = new Connection(target, this.transport, { peerAddress: "10.0.0.9", portal });
  }

  send(...pdus: readonly Uint8Array[]): void {
    for (const one of pdus) {
      const read = new Uint8Array(one);
      this.connection.receive(read);
      // As the next read does: what is kept of this one has to be a copy.
      read.fill(0xee);
    }
  }

  /** What came since the last time, after everything that can happen by itself has happened. */
  async receive(turns = 20): Promise<ReceivedPdu[]> {
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
    return splitPdus(this.transport.take(), this.digests);
  }

  /** A SCSI command with the next CmdSN; returns its tag. */
  command(cdb: readonly number[], fields: PduFields & { expected?: number } = {}): number {
    const itt = this.#itt++;
    const { expected = 0, ...rest } = fields;
    this.send(pdu("scsiCommand", { itt, cmdSN: this.cmdSN++, cdb, word20: expected, flags: 0x80, ...rest }));
    return itt;
  }
}

/** Flags of a SCSI Command: F with R or W. */
export const READS = 0xc0;
export const WRITES = 0xa0;

/** READ(10) and WRITE(10). */
export function read10(lba: number, blocks: number): number[] {
  return [
    0x28,
    0,
    (lba >>> 24) & 0xff,
    (lba >>> 16) & 0xff,
    (lba >>> 8) & 0xff,
    lba & 0xff,
    0,
    blocks >>> 8,
    blocks & 0xff,
    0,
  ];
}
export function write10(lba: number, blocks: number): number[] {
  return [0x2a, ...read10(lba, blocks).slice(1)];
}

/** Bytes that differ from block to block. */
export function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + (i >>> 9) * 13 + seed;
  return bytes;
}

/** Compares long byte arrays; `toEqual` looks at every element by itself, which takes seconds. */
export function expectBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  expect(actual?.length).toBe(expected.length);
  expect(Buffer.compare(actual ?? new Uint8Array(0), expected)).toBe(0);
}
