import { COMMAND_WINDOW, MAX_QUEUED_OUTPUT_BYTES } from "../../src/limits.ts";
import { BufferPool } from "../../src/iscsi/buffer-pool.ts";
import {
  Harness,
  INITIATOR_NAME,
  pattern,
  read10,
  READS,
  TARGET_NAME,
  type TestConnection,
  write10,
  WRITES,
} from "../harness.ts";
import { LoginFlags, loginRequest, pdu, withDigests } from "../initiator.ts";
import type { ReceivedPdu } from "../initiator.ts";
import { MemoryDevice } from "../memory-device.ts";
import { CheckedDevice } from "./checked-device.ts";
import { inPieces } from "./login-fuzz.ts";
import type { Random } from "./random.ts";
import { cdbOf, DISK_BLOCKS, expectedLength, mutate, otherRequest, parameterData } from "./requests.ts";

const BYSTANDER_TARGET = "iqn.2026-11.org.ingot:bystander";

/** The most output that may lie around: the limit, and what one command adds before it looks at it again. */
const MOST_OUTPUT = MAX_QUEUED_OUTPUT_BYTES + 3 * 262_144 + COMMAND_WINDOW * 512;

/** A pool that knows how many of its buffers are in use. */
export class CountingPool extends BufferPool {
  used = 0;

  override take(): ReturnType<BufferPool["take"]> {
    this.used++;
    return super.take();
  }

  override put(buffer: Parameters<BufferPool["put"]>[0]): void {
    this.used--;
    super.put(buffer);
  }
}

/**
 * One initiator against a whole target, another one beside it. Everything follows from the seed. With `bent`, some PDUs say what their
 * author never would; without, every command must be answered exactly once. Throws when a rule is broken that no initiator can break.
 */
export async function fuzzSession(random: Random, bent: boolean, pool: CountingPool): Promise<void> {
  const device = new CheckedDevice(DISK_BLOCKS * 512, random);
  const calm = new MemoryDevice(65_536);
  let closedCount = 0;
  const harness = new Harness({
    pool,
    directory: {
      resolve: async ({ targetName }) =>
        targetName === TARGET_NAME
          ? { kind: "disk", device, id: "fuzzed", closed: () => void closedCount++ }
          : { kind: "disk", device: calm, id: "calm" },
    },
  });
  const bystander = await logInBystander(harness);
  const fuzzed = new FuzzedInitiator(await logIn(harness, random), random, bent);
  const check = (): void => {
    if (device.violations.length > 0) throw new Error(`device: ${device.violations.join(", ")}`);
    for (const { kind, ...event } of harness.events) {
      const error = "error" in event ? (event.error as Error) : undefined;
      if (kind === "error" && error?.name !== "IscsiError") throw error ?? new Error("an error without an error");
    }
    const queued = harness.target.sessions()[0]?.counters.queuedOutputBytes ?? 0;
    if (queued > MOST_OUTPUT) throw new Error(`${queued} bytes of output are queued`);
  };
  for (let steps = 2 + random.below(30); steps > 0 && !fuzzed.isOver; steps--) {
    await fuzzed.step();
    check();
  }
  await useBystander(bystander, calm, random);
  await fuzzed.finish(() => device.pending > 0);
  check();
  await fuzzed.connection.connection.close("disconnected");
  while (device.pending > 0) await fuzzed.connection.receive(2);
  await bystander.connection.close("disconnected");
  await bystander.receive(4);
  if (closedCount !== 1) throw new Error(`the disk was given back ${closedCount} times`);
  if (harness.target.sessions().length > 0) throw new Error("a session is left");
  if (pool.used !== 0) throw new Error(`${pool.used} buffers were not given back`);
}

async function logIn(harness: Harness, random: Random): Promise<TestConnection> {
  const digests = { header: random.chance(0.2), data: random.chance(0.2) };
  const connection = await harness.login([
    `HeaderDigest=${digests.header ? "CRC32C" : "None"}`,
    `DataDigest=${digests.data ? "CRC32C" : "None"}`,
    `InitialR2T=${random.pick(["Yes", "No"])}`,
    `ImmediateData=${random.pick(["Yes", "No"])}`,
    `MaxRecvDataSegmentLength=${random.pick([512, 700, 8192, 262_144])}`,
    `MaxBurstLength=${random.pick([512, 1024, 8192, 262_144])}`,
    `FirstBurstLength=${random.pick([512, 4096, 65_536])}`,
    `MaxOutstandingR2T=${random.pick([1, 2, 8])}`,
  ]);
  connection.digests = digests;
  return connection;
}

async function logInBystander(harness: Harness): Promise<TestConnection> {
  const connection = harness.connect();
  const names = [`InitiatorName=${INITIATOR_NAME}:by`, `TargetName=${BYSTANDER_TARGET}`];
  connection.send(loginRequest(LoginFlags.operationalToFullFeature, [...names, "InitialR2T=No"]));
  await connection.receive(4);
  // A new session may begin with a unit attention.
  connection.command([0x00]);
  await connection.receive(4);
  return connection;
}

/** Whatever the other one did, this one reads what it wrote. */
async function useBystander(connection: TestConnection, device: MemoryDevice, random: Random): Promise<void> {
  const data = pattern(512, random.below(256));
  connection.command(write10(3, 1), { flags: WRITES, expected: 512, data });
  connection.command(read10(3, 1), { flags: READS, expected: 512 });
  const [written, read] = await connection.receive(4);
  const isRight = written?.flags === 0x80 && Buffer.compare(read?.data ?? new Uint8Array(0), data) === 0;
  if (!isRight || Buffer.compare(device.bytes.subarray(1536, 2048), data) !== 0)
    throw new Error("the bystander was disturbed");
}

interface Sent {
  /** Commands with this tag that the target may have taken, and answers to them. */
  sent: number;
  answered: number;
  /** Task management may have ended it without an answer. */
  aborted: boolean;
  /** What the initiator has for R2Ts. */
  data: Uint8Array;
}

class FuzzedInitiator {
  readonly connection: TestConnection;
  readonly #random: Random;
  readonly #bent: boolean;
  readonly #commands = new Map<number, Sent>();
  readonly #requests: ReceivedPdu[] = [];
  #itt = 1;
  #cmdSN = 1;
  #nextStatSN: number | undefined;
  #lastMaxCmdSN = 0;
  #maxCmdSN = COMMAND_WINDOW;
  /** What was framed wrongly: nobody can say any more which commands the target saw. */
  #isGarbled = false;

  constructor(connection: TestConnection, random: Random, bent: boolean) {
    this.connection = connection;
    this.#random = random;
    this.#bent = bent;
  }

  get isOver(): boolean {
    return this.connection.transport.ended;
  }

  async step(): Promise<void> {
    const random = this.#random;
    if (random.chance(0.1)) this.connection.transport.stuck = true;
    const group: Uint8Array[][] = [];
    for (let count = 1 + random.below(6); count > 0; count--) {
      if (this.#cmdSN > this.#maxCmdSN) break;
      group.push(random.chance(0.8) ? this.#command() : [this.#other()]);
    }
    // Which commands are still open when task management arrives is not for the initiator to know.
    const manages = group.some(([first]) => ((first?.[0] ?? 0) & 0x3f) === 0x02);
    if (manages) for (const command of this.#commands.values()) command.aborted = true;
    // Commands may overtake each other as long as each keeps its data behind it.
    if (random.chance(0.1)) group.reverse();
    for (const one of group.flat()) this.#send(one);
    if (random.chance(0.5)) this.connection.transport.release();
    await this.#listen(2);
    this.#giveData();
  }

  /** Gives all data that was asked for until nothing more happens; then, unless bent, nothing may be open. */
  async finish(isDeviceBusy: () => boolean): Promise<void> {
    this.connection.transport.release();
    for (let quiet = 0; quiet < 3 && !this.isOver;) {
      const before = this.#requests.length;
      const heard = await this.#listen(6);
      this.#giveData(true);
      quiet = heard || before > 0 || isDeviceBusy() ? 0 : quiet + 1;
    }
    if (this.#bent || this.isOver) return;
    for (const [itt, { sent, answered, aborted }] of this.#commands) {
      if (answered !== sent && !aborted)
        throw new Error(`command ${itt} was sent ${sent} times and answered ${answered} times`);
    }
  }

  #command(): Uint8Array[] {
    const random = this.#random;
    const itt = this.#itt++;
    const cdb = cdbOf(random);
    const expected = expectedLength(random, cdb);
    const direction = random.pick([
      READS,
      WRITES,
      WRITES,
      directionOf(cdb),
      directionOf(cdb),
      directionOf(cdb),
      0x80,
      0xe0,
    ]);
    const attribute = random.chance(0.8) ? random.below(2) : random.below(5);
    const immediate = random.chance(0.05);
    const data = parameterData(random, direction & 0x20 ? expected : 0);
    const immediateLength = random.chance(0.6)
      ? random.pick([data.length, Math.min(data.length, 512), random.below(data.length + 1)])
      : 0;
    const isFinal = data.length === immediateLength || random.chance(0.6);
    const fields = { itt, cmdSN: this.#cmdSN, immediate, word20: direction === 0x80 ? 0 : expected, cdb };
    if (!immediate) this.#cmdSN++;
    this.#commands.set(itt, { sent: 1, answered: 0, aborted: false, data });
    const flags = (isFinal ? 0x80 : 0) | (direction & 0x60) | attribute;
    const pdus = [
      pdu("scsiCommand", {
        ...fields,
        flags,
        lun: random.chance(0.03) ? 1 : 0,
        data: data.slice(0, Math.min(immediateLength, 8192)),
      }),
    ];
    if (!isFinal) pdus.push(...this.#pieces(itt, 0xffff_ffff, data, Math.min(immediateLength, 8192), data.length));
    return pdus;
  }

  #other(): Uint8Array {
    const bytes = otherRequest(this.#random, this.#itt++, this.#cmdSN, [...this.#commands.keys()]);
    const isNumbered = ((bytes[0] ?? 0) & 0x40) === 0 && ((bytes[0] ?? 0) & 0x3f) !== 0x10;
    if (isNumbered) this.#cmdSN++;
    return bytes;
  }

  #pieces(itt: number, ttt: number, data: Uint8Array, from: number, to: number): Uint8Array[] {
    const pdus: Uint8Array[] = [];
    const size = this.#random.pick([512, 1024, 8192, 100]);
    for (let at = from; at < to || pdus.length === 0; at += size) {
      const flags = at + size >= to ? 0x80 : 0;
      const part = data.slice(at, Math.min(at + size, to));
      pdus.push(pdu("dataOut", { itt, word20: ttt, flags, dataSN: pdus.length, bufferOffset: at, data: part }));
    }
    return pdus;
  }

  #giveData(all = false): void {
    const random = this.#random;
    for (const { itt, ttt, words } of this.#requests.splice(0)) {
      const command = this.#commands.get(itt);
      if (command === undefined) continue;
      if (!all && this.#bent && random.chance(0.1)) continue;
      const [, offset, length] = words;
      const data = new Uint8Array(offset + length);
      data.set(command.data.subarray(0, data.length));
      for (const one of this.#pieces(itt, ttt, data, offset, offset + length)) this.#send(one);
    }
  }

  #send(original: Uint8Array): void {
    if (this.isOver) return;
    const random = this.#random;
    const isBent = this.#bent && random.chance(0.12);
    let bytes = isBent ? mutate(random, original) : original;
    if (isBent) this.#isGarbled = true;
    const { digests } = this.connection;
    if (digests.header || digests.data) bytes = withDigests(bytes, digests);
    if (this.#bent && random.chance(0.01)) {
      bytes = bytes.with(random.below(bytes.length), random.below(256));
      this.#isGarbled = true;
    }
    this.connection.send(...inPieces(random, bytes));
  }

  /** Reads what came and holds it against what no target may say. Returns whether anything came. */
  async #listen(turns: number): Promise<boolean> {
    const replies = await this.connection.receive(turns);
    for (const reply of replies) this.#hear(reply);
    return replies.length > 0;
  }

  #hear(reply: ReceivedPdu): void {
    const isPing = reply.opcode === 0x20 && reply.itt === 0xffff_ffff;
    const hasStatus = reply.opcode === 0x25 ? (reply.flags & 1) !== 0 : reply.opcode !== 0x31 && !isPing;
    if (hasStatus) {
      if (this.#nextStatSN !== undefined && reply.statSN !== this.#nextStatSN) {
        throw new Error(`StatSN ${reply.statSN} where ${this.#nextStatSN} is next`);
      }
      this.#nextStatSN = (reply.statSN + 1) >>> 0;
    }
    if (reply.maxCmdSN < this.#lastMaxCmdSN)
      throw new Error(`MaxCmdSN fell from ${this.#lastMaxCmdSN} to ${reply.maxCmdSN}`);
    if (reply.maxCmdSN - reply.expCmdSN >= COMMAND_WINDOW) throw new Error("the window is too wide");
    this.#lastMaxCmdSN = this.#maxCmdSN = reply.maxCmdSN;
    if (reply.opcode === 0x31) this.#requests.push(reply);
    const rejected =
      reply.opcode === 0x3f ? new DataView(reply.data.buffer, reply.data.byteOffset).getUint32(16) : undefined;
    const isCommandReject = rejected !== undefined && ((reply.data[0] ?? 0) & 0x3f) === 0x01;
    if (isCommandReject) this.#answered(rejected);
    if (reply.opcode === 0x21 || (reply.opcode === 0x25 && hasStatus)) this.#answered(reply.itt);
  }

  #answered(itt: number): void {
    if (this.#isGarbled) return;
    const command = this.#commands.get(itt);
    if (command === undefined || ++command.answered > command.sent)
      throw new Error(`command ${itt} was answered too often`);
  }
}

function directionOf(cdb: readonly number[]): number {
  const writes = [
    0x04, 0x0a, 0x15, 0x2a, 0x2e, 0x2f, 0x3b, 0x41, 0x42, 0x48, 0x53, 0x55, 0x5f, 0x83, 0x89, 0x8a, 0x8b, 0x8e, 0x8f,
    0x93, 0x9c, 0xaa, 0xae, 0xaf,
  ];
  return writes.includes(cdb[0] ?? 0) ? WRITES : READS;
}
