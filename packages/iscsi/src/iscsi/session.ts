import { serialAdd } from "@ingot/wire";
import { byteAt, u32At } from "../bytes.ts";
import { IscsiError } from "../errors.ts";
import { MAX_IMMEDIATE_COMMANDS, MAX_WRITING_BYTES } from "../limits.ts";
import { doneWith, execute, executeWithoutUnit } from "../scsi/execute.ts";
import type { Done, Execution } from "../scsi/execution.ts";
import type { LogicalUnit, Nexus } from "../scsi/logical-unit.ts";
import { SenseOf } from "../scsi/sense.ts";
import { ScsiStatus } from "../scsi/status.ts";
import { IMMEDIATE, InitiatorOpcode, NO_TAG, opcodeOf } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { CommandWindow } from "./command-window.ts";
import { DataInTask } from "./data-in-task.ts";
import { decodeDataOut } from "./data-out.ts";
import { DataOutTask } from "./data-out-task.ts";
import type { Discovery } from "./discovery.ts";
import type { FramedPdu } from "./framer.ts";
import { decodeLogoutRequest, LogoutReason, LogoutResult } from "./logout.ts";
import type { SessionParameters } from "./negotiation.ts";
import type { Output } from "./output.ts";
import { PendingTask, SentDataTask } from "./small-tasks.ts";
import { RejectReason } from "./reject.ts";
import { countLatency, LATENCY_SAMPLE_EVERY } from "./latency.ts";
import { Replies } from "./replies.ts";
import { decodeScsiCommand } from "./scsi-command.ts";
import type { ScsiCommand } from "./scsi-command.ts";
import type { SessionCounters } from "./session-info.ts";
import { NOT_TIMED } from "./task.ts";
import type { Ending, Task, TaskHost, TaskIdentity } from "./task.ts";
import { Solicitation } from "./solicitation.ts";
import { decodeTaskManagementRequest } from "./task-management.ts";
import { manageTasks } from "./task-manager.ts";

/** The disk side of a normal session. */
export interface SessionUnit {
  readonly unit: LogicalUnit;
  readonly nexus: Nexus;
}

/** What a session in full feature phase needs. */
export interface SessionDeps {
  readonly output: Output;
  readonly pool: BufferPool;
  readonly parameters: SessionParameters;
  readonly counters: SessionCounters;
  /** Milliseconds, with fractions, of a clock that never goes back; absent where nothing is to be timed. */
  readonly elapsedMs: (() => number) | undefined;
  readonly cid: number;
  readonly discovery: Discovery;
  /** Sequence numbers where the login left them. */
  readonly statSN: number;
  readonly cmdSN: number;
  /** Calls `flush` of the output once, soon. */
  flushSoon(): void;
  /** `receive` takes PDUs again after it returned false. */
  resumeReading(): void;
  /** The session is over, once its last answer is out. */
  end(reason: "logout"): void;
  /** The initiator broke a rule in a way that ends the connection. */
  fail(error: unknown): void;
}

/**
 * One session in full feature phase over its one connection (MaxConnections=1, ErrorRecoveryLevel=0): takes PDUs, runs commands,
 * puts answers into the output. It does no I/O and knows no clock.
 */
export class Session implements TaskHost {
  readonly output: Output;
  readonly parameters: Readonly<SessionParameters>;
  readonly counters: SessionCounters;
  readonly #deps: SessionDeps;
  readonly #window: CommandWindow;
  readonly #tasks = new Map<number, Task>();
  #unit: SessionUnit | undefined;
  readonly #replies: Replies;
  readonly #solicitation = new Solicitation();
  /** Commands that were ended while the device is still at work on them. */
  readonly #settling = new Set<Promise<void>>();
  #immediateOpen = 0;
  #transferTag = 0;
  #writingBytes = 0;
  #drainQueue: (() => void)[] = [];
  #pinged = false;
  #over = false;
  /** Commands until the next one that is timed. */
  #untilSample = LATENCY_SAMPLE_EVERY;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.output = deps.output;
    this.parameters = deps.parameters;
    this.counters = deps.counters;
    this.#window = new CommandWindow(deps.cmdSN);
    this.#replies = new Replies(deps.output, this.#window, deps.statSN);
  }

  /** Gives a normal session its disk; without one only discovery works. */
  attach(unit: SessionUnit): void {
    this.#unit = unit;
  }

  /** Whether the initiator has ever pinged: such a one also takes an Asynchronous Message; iPXE, which never does, would end its session. */
  get takesAsyncMessages(): boolean {
    return this.#pinged;
  }

  /** Whether every command is answered. */
  get isIdle(): boolean {
    return this.#tasks.size === 0;
  }

  /** Takes one PDU. Returns false when no more should come for now. Throws `IscsiError` to end the connection. */
  receive(pdu: FramedPdu): boolean {
    if (this.#over) return false;
    const { bytes, at } = pdu;
    const opcode = opcodeOf(bytes, at);
    if (opcode === InitiatorOpcode.dataOut) this.#dataOut(pdu);
    else if (opcode === InitiatorOpcode.snack) this.#replies.reject(pdu, RejectReason.snackReject);
    else this.#numbered(opcode, pdu);
    return !this.#over && !this.output.full && this.#writingBytes < MAX_WRITING_BYTES;
  }

  /** There is room for output again. */
  drained(): void {
    const waiting = this.#drainQueue;
    this.#drainQueue = [];
    for (const resume of waiting) resume();
    this.output.flush();
    if (!this.output.full) this.#deps.resumeReading();
  }

  /** Ends everything without an answer; resolves when the device is not used any more. */
  async close(): Promise<void> {
    this.#over = true;
    this.#solicitation.close();
    this.#drainQueue = [];
    await this.abortAll();
  }

  /** Tells the initiator that the connection will be dropped; for those that take it. */
  announceDrop(): void {
    if (this.takesAsyncMessages && !this.#over) this.#replies.dropMessage();
  }

  /** Brings those counters up to date that are not kept with every command. */
  measure(): void {
    this.counters.openCommands = this.#tasks.size;
    this.counters.queuedOutputBytes = this.output.queuedBytes;
  }

  /** Ends all commands without an answer; resolves when the device is done with them. */
  async abortAll(): Promise<void> {
    for (const task of this.#tasks.values()) void this.#abort(task);
    await Promise.all(this.#settling);
  }

  // TaskHost

  sequence(): Sequence {
    return this.#replies.sequence();
  }

  leave(task: Task): Sequence {
    this.#remove(task);
    return this.#replies.status();
  }

  end(task: Task, ending: Ending): void {
    this.#remove(task);
    if (ending.status !== ScsiStatus.good && !isUnitAttention(ending)) this.counters.failedCommands++;
    this.#replies.scsiResponse(task.identity.initiatorTaskTag, ending, this.#unit?.unit.descriptorSense ?? false);
  }

  whenDrained(resume: () => void): void {
    this.#drainQueue.push(resume);
  }

  flushSoon(): void {
    this.#deps.flushSoon();
  }

  solicit(bytes: number, grant: () => void): void {
    this.#solicitation.ask(bytes, grant);
  }

  solicitedDone(bytes: number): void {
    this.#solicitation.done(bytes);
  }

  writing(bytes: number): void {
    const wasAbove = this.#writingBytes >= MAX_WRITING_BYTES;
    this.#writingBytes += bytes;
    if (wasAbove && this.#writingBytes < MAX_WRITING_BYTES && !this.#over) this.#deps.resumeReading();
  }

  nextTransferTag(): number {
    this.#transferTag = serialAdd(this.#transferTag, 1);
    if (this.#transferTag === NO_TAG) this.#transferTag = 1;
    return this.#transferTag;
  }

  // PDUs

  /** PDUs that carry a CmdSN: all but Data-Out and SNACK. */
  #numbered(opcode: number, pdu: FramedPdu): void {
    const { bytes, at } = pdu;
    const immediate = (byteAt(bytes, at) & IMMEDIATE) !== 0;
    if (!immediate) {
      const cmdSN = u32At(bytes, at + 24);
      // Out of the window: ignored without a word (RFC 7143 §4.2.2.1). One connection keeps its order, so a gap is never filled either.
      if (cmdSN !== this.#window.expCmdSN || !this.#window.contains(cmdSN)) return;
      this.#window.enter();
    } else if (this.#immediateOpen >= MAX_IMMEDIATE_COMMANDS && opcode === InitiatorOpcode.scsiCommand) {
      this.#replies.reject(pdu, RejectReason.tooManyImmediateCommands);
      return;
    }
    switch (opcode) {
      case InitiatorOpcode.scsiCommand:
        this.#scsiCommand(pdu, immediate);
        return;
      case InitiatorOpcode.nopOut:
        this.#nopOut(pdu, immediate);
        return;
      case InitiatorOpcode.taskManagement:
        this.#taskManagement(pdu, immediate);
        return;
      case InitiatorOpcode.text:
        this.#text(pdu, immediate);
        return;
      case InitiatorOpcode.logout:
        this.#logout(pdu, immediate);
        return;
      default:
        if (!immediate) this.#window.leave();
        this.#replies.reject(pdu, RejectReason.commandNotSupported);
    }
  }

  #scsiCommand(pdu: FramedPdu, immediate: boolean): void {
    const command = decodeScsiCommand(pdu.bytes, pdu.at);
    const { initiatorTaskTag } = command;
    if (this.#unit === undefined || initiatorTaskTag === NO_TAG || this.#tasks.has(initiatorTaskTag)) {
      if (!immediate) this.#window.leave();
      this.#replies.reject(pdu, this.#unit === undefined ? RejectReason.protocolError : RejectReason.taskInProgress);
      return;
    }
    if (immediate) this.#immediateOpen++;
    const { expectedDataTransferLength } = command;
    const identity = { initiatorTaskTag, expectedDataTransferLength, immediate, startedMs: this.#sampleTime() };
    this.#run(identity, command, this.#start(this.#unit, pdu, command), pdu);
  }

  #start({ unit, nexus }: SessionUnit, { bytes, at }: FramedPdu, command: ScsiCommand): Execution {
    // LUN 0 in any addressing method is eight zero bytes, but for the method bits of byte 0 (SAM-5 §4.7).
    const isUnitZero = (u32At(bytes, at + 8) & 0x3fff_ffff) === 0 && u32At(bytes, at + 12) === 0;
    try {
      if (!isUnitZero) return executeWithoutUnit(command.cdb);
      return execute(unit, nexus, command.cdb, command.write ? command.expectedDataTransferLength : 0);
    } catch (error) {
      return doneWith(error, SenseOf.internalTargetFailure);
    }
  }

  #run(identity: TaskIdentity, command: ScsiCommand, execution: Execution, pdu: FramedPdu): void {
    switch (execution.kind) {
      case "dataIn": {
        this.counters.readCommands++;
        const task = new DataInTask(this, identity, execution);
        this.#tasks.set(identity.initiatorTaskTag, task);
        task.start();
        return;
      }
      case "dataOut": {
        this.counters.writeCommands++;
        const task = new DataOutTask(this, this.#deps.pool, identity, execution);
        this.#tasks.set(identity.initiatorTaskTag, task);
        task.start(pdu, command.final);
        return;
      }
      case "pending": {
        identity.startedMs = NOT_TIMED;
        this.counters.otherCommands++;
        const task = new PendingTask(this, identity, (done) => this.#done(task, done));
        this.#tasks.set(identity.initiatorTaskTag, task);
        task.start(execution);
        return;
      }
      case "done": {
        identity.startedMs = NOT_TIMED;
        this.counters.otherCommands++;
        const task = new SentDataTask(identity);
        this.#tasks.set(identity.initiatorTaskTag, task);
        this.#done(task, execution);
      }
    }
  }

  /** A command whose answer is complete; data that is short enough is given by the same way as a READ's. */
  #done(task: Task, done: Done): void {
    const expected = task.identity.expectedDataTransferLength;
    const { status, sense, data } = done;
    if (status === ScsiStatus.good && data !== undefined && data.length > 0 && expected > 0) {
      const execution = {
        kind: "dataIn" as const,
        length: data.length,
        produce: (offset: number, into: Uint8Array): void => into.set(data.subarray(offset, offset + into.length)),
      };
      const sending = new DataInTask(this, task.identity, execution);
      this.#tasks.set(task.identity.initiatorTaskTag, sending);
      sending.start();
      return;
    }
    const ending = { status, residual: (data?.length ?? 0) - expected, expDataSN: 0 };
    this.end(task, sense === undefined ? ending : { ...ending, sense });
  }

  #dataOut(pdu: FramedPdu): void {
    const header = decodeDataOut(pdu.bytes, pdu.at);
    const task = this.#tasks.get(header.initiatorTaskTag);
    // Data of a command that has ended, or that never began because its number was out of the window, is dropped.
    if (task instanceof DataOutTask) task.receive(header, pdu);
  }

  #nopOut(pdu: FramedPdu, immediate: boolean): void {
    if (!immediate) this.#window.leave();
    this.#pinged = true;
    const initiatorTaskTag = u32At(pdu.bytes, pdu.at + 16);
    if (initiatorTaskTag === NO_TAG) return;
    this.#replies.nopIn(initiatorTaskTag, pdu, this.parameters.maxSendDataSegmentLength);
  }

  #taskManagement({ bytes, at }: FramedPdu, immediate: boolean): void {
    const request = decodeTaskManagementRequest(bytes, at);
    const lunExists = this.#unit !== undefined && u32At(bytes, at + 8) === 0 && u32At(bytes, at + 12) === 0;
    if (immediate) this.#immediateOpen++;
    const answer = manageTasks(request, {
      unit: lunExists ? this.#unit : undefined,
      find: (tag) => this.#tasks.get(tag),
      notYetReceived: (cmdSN) => this.#window.contains(cmdSN),
      abort: (task) => this.#abort(task),
      abortAll: () => this.abortAll(),
    });
    void answer.then(({ result, disconnect }) => {
      if (this.#over) return;
      this.#closeNumbered(immediate);
      this.#replies.taskManagement(request.initiatorTaskTag, result);
      this.output.flush();
      if (disconnect) for (const nexus of this.#unit?.unit.nexuses ?? []) nexus.disconnect();
    });
  }

  #text(pdu: FramedPdu, immediate: boolean): void {
    if (immediate) this.#immediateOpen++;
    const answer = this.#deps.discovery.answer(pdu, this.parameters);
    void answer.then(
      (reply) => {
        if (this.#over) return;
        this.#closeNumbered(immediate);
        this.#replies.text(reply);
        this.output.flush();
      },
      (error: unknown) => this.#deps.fail(error),
    );
  }

  #logout({ bytes, at }: FramedPdu, immediate: boolean): void {
    const request = decodeLogoutRequest(bytes, at);
    const result = this.#logoutResult(request.reason, request.cid);
    if (!immediate) this.#window.leave();
    if (result === LogoutResult.closed) void this.abortAll();
    this.#replies.logout(request.initiatorTaskTag, result);
    if (result !== LogoutResult.closed) return;
    this.#over = true;
    this.output.flush();
    this.#deps.end("logout");
  }

  #logoutResult(reason: number, cid: number): LogoutResult {
    if (reason === LogoutReason.closeSession) return LogoutResult.closed;
    if (reason === LogoutReason.closeConnection)
      return cid === this.#deps.cid ? LogoutResult.closed : LogoutResult.cidNotFound;
    if (reason === LogoutReason.removeForRecovery) return LogoutResult.recoveryNotSupported;
    throw new IscsiError("malformedPdu", `Logout Request: reason ${reason}`);
  }

  #closeNumbered(immediate: boolean): void {
    if (immediate) this.#immediateOpen--;
    else this.#window.leave();
  }

  #remove(task: Task): void {
    const { initiatorTaskTag, immediate, startedMs } = task.identity;
    if (!this.#tasks.delete(initiatorTaskTag)) return;
    this.#closeNumbered(immediate);
    if (startedMs !== NOT_TIMED) this.#countLatency(task, startedMs);
  }

  /** The time, for one command of many; `NOT_TIMED` for the others. */
  #sampleTime(): number {
    if (--this.#untilSample > 0 || this.#deps.elapsedMs === undefined) return NOT_TIMED;
    this.#untilSample = LATENCY_SAMPLE_EVERY;
    return this.#deps.elapsedMs();
  }

  #countLatency(task: Task, startedMs: number): void {
    const { readLatency, writeLatency } = this.counters;
    const tookMs = (this.#deps.elapsedMs?.() ?? 0) - startedMs;
    countLatency(task instanceof DataOutTask ? writeLatency : readLatency, tookMs);
  }

  #abort(task: Task): Promise<void> | undefined {
    this.#remove(task);
    const settled = task.abort();
    if (settled === undefined) return undefined;
    this.#settling.add(settled);
    return settled.then(() => void this.#settling.delete(settled));
  }
}

/** Whether a command ended only to tell of something that had happened to the unit (SAM-5 §5.14). */
function isUnitAttention({ sense }: Ending): boolean {
  return sense?.key === SenseOf.busDeviceReset.key;
}
