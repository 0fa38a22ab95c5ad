import { serialAdd } from "@ingot/wire";
import { u32At } from "../bytes.ts";
import { MAX_HELD_BYTES, MAX_IMMEDIATE_COMMANDS, MAX_WRITING_BYTES } from "../limits.ts";
import { doneWith, execute, executeWithoutUnit } from "../scsi/execute.ts";
import { checkCondition } from "../scsi/execution.ts";
import type { Done, Execution } from "../scsi/execution.ts";
import { SenseOf } from "../scsi/sense.ts";
import { ScsiStatus } from "../scsi/status.ts";
import { NO_TAG } from "./bhs.ts";
import type { Sequence } from "./bhs.ts";
import type { BufferPool } from "./buffer-pool.ts";
import type { CommandWindow } from "./command-window.ts";
import { DataInTask } from "./data-in-task.ts";
import { decodeDataOut } from "./data-out.ts";
import { DataOutTask } from "./data-out-task.ts";
import type { FramedPdu } from "./framer.ts";
import { HeldCommand } from "./held-command.ts";
import { countLatency, LATENCY_SAMPLE_EVERY } from "./latency.ts";
import type { SessionParameters } from "./negotiation.ts";
import type { Output } from "./output.ts";
import { RejectReason } from "./reject.ts";
import type { Replies } from "./replies.ts";
import { decodeScsiCommand } from "./scsi-command.ts";
import type { ScsiCommand } from "./scsi-command.ts";
import type { SessionCounters } from "./session-info.ts";
import type { SessionUnit } from "./session-unit.ts";
import { PendingTask, SentDataTask, WaitingTask } from "./small-tasks.ts";
import type { WaitingRoom } from "./small-tasks.ts";
import { Solicitation } from "./solicitation.ts";
import { NOT_TIMED, OUTSIDE_TASK_SET } from "./task.ts";
import type { Ending, Task, TaskHost, TaskIdentity } from "./task.ts";
import { TaskAttribute } from "./task-set.ts";

/** What the commands of a session need of it. */
export interface CommandsDeps {
  readonly output: Output;
  readonly pool: BufferPool;
  readonly parameters: SessionParameters;
  readonly counters: SessionCounters;
  readonly window: CommandWindow;
  readonly replies: Replies;
  /** Milliseconds, with fractions, of a clock that never goes back; absent where nothing is to be timed. */
  readonly elapsedMs: (() => number) | undefined;
  /** Calls `flush` of the output once, soon. */
  flushSoon(): void;
  /** PDUs are taken again after there were too many bytes on their way to the device. */
  resumeReading(): void;
  /** Something of ours broke while a command that had waited began. */
  fail(error: unknown): void;
}

/** The SCSI commands of one session that are not over yet: starts them, ends them, aborts them. */
export class Commands implements TaskHost, WaitingRoom {
  readonly output: Output;
  readonly parameters: Readonly<SessionParameters>;
  readonly counters: SessionCounters;
  readonly #deps: CommandsDeps;
  readonly #window: CommandWindow;
  readonly #replies: Replies;
  readonly #tasks = new Map<number, Task>();
  readonly #solicitation: Solicitation;
  /** Commands that were ended while the device is still at work on them. */
  readonly #settling = new Set<Promise<void>>();
  #unit: SessionUnit | undefined;
  #immediateOpen = 0;
  #transferTag = 0;
  #writingBytes = 0;
  #heldBytes = 0;
  /** Reading was stopped because of writes. */
  #isHeldUp = false;
  #drainQueue: (() => void)[] = [];
  /** Commands until the next one that is timed. */
  #untilSample = LATENCY_SAMPLE_EVERY;

  constructor(deps: CommandsDeps) {
    this.#deps = deps;
    this.output = deps.output;
    this.parameters = deps.parameters;
    this.counters = deps.counters;
    this.#window = deps.window;
    this.#replies = deps.replies;
    this.#solicitation = new Solicitation(() => deps.pool.isScarce);
  }

  /** The disk that commands are for; without one they are rejected. */
  get unit(): SessionUnit | undefined {
    return this.#unit;
  }

  attach(unit: SessionUnit): void {
    this.#unit = unit;
  }

  /** Commands that have come and are not answered. */
  get open(): number {
    return this.#tasks.size;
  }

  /** Whether no more writes should come until some are done; reading then goes on by itself, as devices always answer. */
  get isWritingTooMuch(): boolean {
    const isTooMuch = this.#writingBytes >= (this.#deps.pool.isScarce ? 1 : MAX_WRITING_BYTES);
    if (isTooMuch) this.#isHeldUp = true;
    return isTooMuch;
  }

  /** The command with a tag. */
  find(initiatorTaskTag: number): Task | undefined {
    return this.#tasks.get(initiatorTaskTag);
  }

  /** Takes a SCSI Command PDU whose turn has come by its number. */
  take(pdu: FramedPdu, immediate: boolean): void {
    const command = decodeScsiCommand(pdu.bytes, pdu.at);
    const { initiatorTaskTag, expectedDataTransferLength, attribute } = command;
    const unit = this.#unit;
    const refusal = this.#refusalOf(initiatorTaskTag, immediate);
    if (refusal !== undefined || unit === undefined) {
      if (!immediate) this.#window.leave();
      this.#replies.reject(pdu, refusal ?? RejectReason.protocolError);
      return;
    }
    if (immediate) this.#immediateOpen++;
    const startedMs = this.#sampleTime();
    const enteredAs = OUTSIDE_TASK_SET;
    const identity = { initiatorTaskTag, expectedDataTransferLength, immediate, startedMs, enteredAs };
    if (!isUnitZero(pdu)) this.#run(identity, command, elsewhere(command), pdu);
    else if (!command.final && this.#tasks.size > 0 && this.#deps.pool.isScarce)
      this.#run(identity, command, FULL, pdu);
    else if (attribute >= TaskAttribute.aca) this.#run(identity, command, INVALID_ATTRIBUTE, pdu);
    else if (unit.taskSet.enter(attribute)) this.#begin(unit, identity, attribute, command, pdu);
    else this.#wait(unit, identity, command, pdu);
  }

  /** Takes a Data-Out PDU; false when it belongs to no command here. */
  dataOut(pdu: FramedPdu): boolean {
    const header = decodeDataOut(pdu.bytes, pdu.at);
    const task = this.#tasks.get(header.initiatorTaskTag);
    if (task instanceof DataOutTask) task.receive(header, pdu);
    else if (task instanceof WaitingTask) task.held.follow(pdu);
    return task !== undefined;
  }

  /** There is room for output again. */
  drained(): void {
    const waiting = this.#drainQueue;
    this.#drainQueue = [];
    for (const resume of waiting) resume();
  }

  /** Ends one command without an answer. Resolves (or returns nothing) when the device is done with it. */
  abort(task: Task): Promise<void> | undefined {
    this.#remove(task);
    const settled = task.abort();
    if (settled === undefined) return undefined;
    this.#settling.add(settled);
    return settled.then(() => void this.#settling.delete(settled));
  }

  /** Ends all commands without an answer; resolves when the device is done with them. */
  async abortAll(): Promise<void> {
    // Those that wait first, so that none of them begins when those before it end.
    for (const task of this.#tasks.values()) if (task instanceof WaitingTask) void this.abort(task);
    for (const task of this.#tasks.values()) void this.abort(task);
    await Promise.all(this.#settling);
  }

  /** As `abortAll`; nothing begins or is asked for any more. */
  close(): Promise<void> {
    this.#solicitation.close();
    this.#drainQueue = [];
    return this.abortAll();
  }

  // WaitingRoom

  begin(task: WaitingTask): void {
    const { identity, attribute, held } = task;
    this.#heldBytes -= task.bytes;
    if (this.#unit === undefined) return;
    try {
      this.#begin(this.#unit, identity, attribute, decodeScsiCommand(held.command.bytes, 0), held.command);
      for (const pdu of held.data) this.dataOut(pdu);
    } catch (error) {
      this.#deps.fail(error);
    }
    this.flushSoon();
  }

  forget(task: WaitingTask): void {
    this.#heldBytes -= task.bytes;
    this.#unit?.taskSet.forget(task);
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
    this.#writingBytes += bytes;
    if (!this.#isHeldUp || this.isWritingTooMuch) return;
    this.#isHeldUp = false;
    this.#deps.resumeReading();
  }

  nextTransferTag(): number {
    this.#transferTag = serialAdd(this.#transferTag, 1);
    if (this.#transferTag === NO_TAG) this.#transferTag = 1;
    return this.#transferTag;
  }

  #refusalOf(initiatorTaskTag: number, immediate: boolean): RejectReason | undefined {
    if (immediate && this.#immediateOpen >= MAX_IMMEDIATE_COMMANDS) return RejectReason.tooManyImmediateCommands;
    if (initiatorTaskTag === NO_TAG) return RejectReason.invalidPduField;
    return this.#tasks.has(initiatorTaskTag) ? RejectReason.taskInProgress : undefined;
  }

  #begin(unit: SessionUnit, identity: TaskIdentity, attribute: number, command: ScsiCommand, pdu: FramedPdu): void {
    identity.enteredAs = attribute;
    let execution: Execution;
    try {
      const dataOutLength = command.write ? command.expectedDataTransferLength : 0;
      execution = execute(unit.unit, unit.nexus, command.cdb, dataOutLength);
    } catch (error) {
      execution = doneWith(error, SenseOf.internalTargetFailure);
    }
    this.#run(identity, command, execution, pdu);
  }

  /** Keeps a command until its task attribute lets it begin; when too much would be kept, the initiator is told to come again. */
  #wait(unit: SessionUnit, identity: TaskIdentity, command: ScsiCommand, pdu: FramedPdu): void {
    const unsolicited = Math.min(command.expectedDataTransferLength, this.parameters.firstBurstLength);
    const bytes = pdu.dataAt - pdu.at + (command.final ? pdu.dataLength : Math.max(pdu.dataLength, unsolicited));
    if (this.#heldBytes + bytes > MAX_HELD_BYTES) {
      this.#run(identity, command, FULL, pdu);
      return;
    }
    this.#heldBytes += bytes;
    const task = new WaitingTask(this, identity, command.attribute, new HeldCommand(pdu), bytes);
    this.#tasks.set(identity.initiatorTaskTag, task);
    unit.taskSet.wait(task);
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

  #remove({ identity }: Task): void {
    const { initiatorTaskTag, immediate, startedMs, enteredAs } = identity;
    const task = this.#tasks.get(initiatorTaskTag);
    if (task?.identity !== identity) return;
    this.#tasks.delete(initiatorTaskTag);
    if (immediate) this.#immediateOpen--;
    else this.#window.leave();
    if (enteredAs !== OUTSIDE_TASK_SET) this.#unit?.taskSet.leave(enteredAs);
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
}

/** A task attribute that belongs to an ACA condition, of which there is none (NORMACA is 0), or to nothing (SAM-5 §8.6.6). */
const INVALID_ATTRIBUTE: Done = checkCondition({ key: SenseOf.invalidFieldInCdb.key, code: 0x4900 });

/** There is no room for the command now; initiators come again (SAM-5 §5.3.1). Its unsolicited data is dropped as it comes. */
const FULL: Done = { kind: "done", status: ScsiStatus.taskSetFull };

/** LUN 0 in any addressing method is eight zero bytes, but for the method bits of byte 0 (SAM-5 §4.7). */
function isUnitZero({ bytes, at }: FramedPdu): boolean {
  return (u32At(bytes, at + 8) & 0x3fff_ffff) === 0 && u32At(bytes, at + 12) === 0;
}

function elsewhere({ cdb }: ScsiCommand): Execution {
  try {
    return executeWithoutUnit(cdb);
  } catch (error) {
    return doneWith(error, SenseOf.internalTargetFailure);
  }
}

/** Whether a command ended only to tell of something that had happened to the unit (SAM-5 §5.14). */
function isUnitAttention({ sense }: Ending): boolean {
  return sense?.key === SenseOf.busDeviceReset.key;
}
