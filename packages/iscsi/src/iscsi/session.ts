import { byteAt, u32At } from "../bytes.ts";
import { IscsiError } from "../errors.ts";
import { MAX_OPEN_REQUESTS } from "../limits.ts";
import { FINAL, IMMEDIATE, InitiatorOpcode, NO_TAG, opcodeOf } from "./bhs.ts";
import type { BufferPool } from "./buffer-pool.ts";
import { CommandWindow } from "./command-window.ts";
import { Commands } from "./commands.ts";
import type { Discovery } from "./discovery.ts";
import { EarlyCommands } from "./early-commands.ts";
import type { FramedPdu } from "./framer.ts";
import { decodeLogoutRequest, LogoutReason, LogoutResult } from "./logout.ts";
import type { SessionParameters } from "./negotiation.ts";
import type { Output } from "./output.ts";
import { Pings } from "./pings.ts";
import { RejectReason } from "./reject.ts";
import { Replies } from "./replies.ts";
import type { SessionCounters } from "./session-info.ts";
import type { SessionUnit } from "./session-unit.ts";
import { decodeTaskManagementRequest } from "./task-management.ts";
import { manageTasks } from "./task-manager.ts";

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
 * One session in full feature phase over its one connection (MaxConnections=1, ErrorRecoveryLevel=0): takes PDUs in the order of
 * their numbers, answers all but SCSI commands itself. It does no I/O and knows no clock.
 */
export class Session {
  readonly #deps: SessionDeps;
  readonly #output: Output;
  readonly #window: CommandWindow;
  readonly #early = new EarlyCommands();
  readonly #replies: Replies;
  readonly #commands: Commands;
  readonly #pings = new Pings();
  /** Immediate task management and text requests that are being answered. */
  #requestsOpen = 0;
  #over = false;

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#output = deps.output;
    this.#window = new CommandWindow(deps.cmdSN, () => deps.pool.isScarce);
    this.#replies = new Replies(deps.output, this.#window, deps.statSN);
    const { output, pool, parameters, counters, elapsedMs } = deps;
    this.#commands = new Commands({
      output,
      pool,
      parameters,
      counters,
      elapsedMs,
      window: this.#window,
      replies: this.#replies,
      flushSoon: () => deps.flushSoon(),
      resumeReading: () => {
        if (!this.#over) deps.resumeReading();
      },
      fail: (error) => deps.fail(error),
    });
  }

  /** Gives a normal session its disk; without one only discovery works. */
  attach(unit: SessionUnit): void {
    this.#commands.attach(unit);
  }

  /** Whether the initiator has ever pinged: such a one also takes an Asynchronous Message; iPXE, which never does, would end its session. */
  get takesAsyncMessages(): boolean {
    return this.#pings.areKnown;
  }

  /** Whether every command is answered. */
  get isIdle(): boolean {
    return this.#commands.open === 0;
  }

  /** Takes one PDU. Returns false when no more should come for now. Throws `IscsiError` to end the connection. */
  receive(pdu: FramedPdu): boolean {
    if (this.#over) return false;
    const opcode = opcodeOf(pdu.bytes, pdu.at);
    if (opcode === InitiatorOpcode.dataOut) this.#dataOut(pdu);
    else if (opcode === InitiatorOpcode.snack) this.#replies.reject(pdu, RejectReason.snackReject);
    else this.#numbered(opcode, pdu);
    return !this.#over && !this.#output.full && !this.#commands.isWritingTooMuch;
  }

  /** There is room for output again. */
  drained(): void {
    this.#commands.drained();
    this.#output.flush();
    if (!this.#output.full) this.#deps.resumeReading();
  }

  /** Ends everything without an answer; resolves when the device is not used any more. */
  async close(): Promise<void> {
    this.#over = true;
    this.#early.clear();
    await this.#commands.close();
  }

  /** Asks the initiator to log out within `seconds`; for those that take it. Returns whether it was asked. */
  askToLogOut(seconds: number): boolean {
    if (!this.takesAsyncMessages || this.#over) return false;
    this.#replies.logoutRequest(seconds);
    return true;
  }

  /** Tells the initiator that the connection will be dropped; for those that take it. */
  announceDrop(): void {
    if (this.takesAsyncMessages && !this.#over) this.#replies.dropMessage();
  }

  /**
   * Called from time to time: pings an initiator that was silent for long, if it is one that pings itself. Returns false when one
   * that has answered before is silent for good.
   */
  isAlive(nowMs: number): boolean {
    const need = this.#over ? "nothing" : this.#pings.check(nowMs, this.#deps.counters.lastActivityMs);
    if (need === "ping") {
      this.#replies.ping(this.#pings.begin(nowMs));
      this.#output.flush();
    }
    return need !== "dead";
  }

  /** Brings those counters up to date that are not kept with every command. */
  measure(): void {
    const { counters } = this.#deps;
    counters.openCommands = this.#commands.open;
    counters.queuedOutputBytes = this.#output.queuedBytes;
  }

  /** Ends all commands without an answer; resolves when the device is done with them. */
  abortAll(): Promise<void> {
    return this.#commands.abortAll();
  }

  /** PDUs that carry a CmdSN: all but Data-Out and SNACK. */
  #numbered(opcode: number, pdu: FramedPdu): void {
    if ((byteAt(pdu.bytes, pdu.at) & IMMEDIATE) !== 0) {
      this.#take(opcode, pdu, true);
      return;
    }
    const cmdSN = u32At(pdu.bytes, pdu.at + 24);
    // Out of the window: ignored without a word (RFC 7143 §4.2.2.1).
    if (!this.#window.contains(cmdSN)) return;
    if (cmdSN !== this.#window.expCmdSN) {
      const isWhole = opcode !== InitiatorOpcode.scsiCommand || (byteAt(pdu.bytes, pdu.at + 1) & FINAL) !== 0;
      this.#early.hold(cmdSN, pdu, isWhole ? 0 : this.#deps.parameters.firstBurstLength);
      return;
    }
    this.#window.enter();
    this.#take(opcode, pdu, false);
    if (!this.#early.isEmpty) this.#takeEarly();
  }

  /** Commands whose gap is filled. */
  #takeEarly(): void {
    for (;;) {
      const next = this.#over ? undefined : this.#early.take(this.#window.expCmdSN);
      if (next === undefined) return;
      this.#window.enter();
      if (next.held === undefined) this.#window.leave();
      else {
        const { command, data } = next.held;
        this.#take(opcodeOf(command.bytes, command.at), command, false);
        for (const pdu of data) this.#dataOut(pdu);
      }
    }
  }

  #take(opcode: number, pdu: FramedPdu, immediate: boolean): void {
    switch (opcode) {
      case InitiatorOpcode.scsiCommand:
        this.#commands.take(pdu, immediate);
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

  #dataOut(pdu: FramedPdu): void {
    if (this.#commands.dataOut(pdu)) return;
    // Data of a command that has ended, or that never began because its number was out of the window, is dropped.
    if (!this.#early.isEmpty) this.#early.follow(u32At(pdu.bytes, pdu.at + 16), pdu);
  }

  #nopOut(pdu: FramedPdu, immediate: boolean): void {
    if (!immediate) this.#window.leave();
    const initiatorTaskTag = u32At(pdu.bytes, pdu.at + 16);
    this.#pings.heard(u32At(pdu.bytes, pdu.at + 20));
    if (initiatorTaskTag === NO_TAG) return;
    this.#replies.nopIn(initiatorTaskTag, pdu, this.#deps.parameters.maxSendDataSegmentLength);
  }

  #taskManagement(pdu: FramedPdu, immediate: boolean): void {
    if (!this.#openRequest(pdu, immediate)) return;
    const { bytes, at } = pdu;
    const request = decodeTaskManagementRequest(bytes, at);
    const lunExists = u32At(bytes, at + 8) === 0 && u32At(bytes, at + 12) === 0;
    const { unit } = this.#commands;
    const answer = manageTasks(request, {
      unit: lunExists ? unit : undefined,
      commands: this.#commands,
      early: this.#early,
      window: this.#window,
    });
    // A number that counts as come may fill a gap.
    if (!this.#early.isEmpty) this.#takeEarly();
    void answer.then(({ result, disconnect }) => {
      if (this.#over) return;
      this.#closeRequest(immediate);
      this.#replies.taskManagement(request.initiatorTaskTag, result);
      this.#output.flush();
      if (disconnect) for (const nexus of unit?.unit.nexuses ?? []) nexus.disconnect();
    });
  }

  #text(pdu: FramedPdu, immediate: boolean): void {
    if (!this.#openRequest(pdu, immediate)) return;
    const answer = this.#deps.discovery.answer(pdu, this.#deps.parameters);
    if (typeof answer === "number") {
      this.#closeRequest(immediate);
      this.#replies.reject(pdu, answer);
      return;
    }
    void answer.then(
      (reply) => {
        if (this.#over) return;
        this.#closeRequest(immediate);
        this.#replies.text(reply);
        this.#output.flush();
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
    this.#output.flush();
    this.#deps.end("logout");
  }

  #logoutResult(reason: number, cid: number): LogoutResult {
    if (reason === LogoutReason.closeSession) return LogoutResult.closed;
    if (reason === LogoutReason.closeConnection)
      return cid === this.#deps.cid ? LogoutResult.closed : LogoutResult.cidNotFound;
    if (reason === LogoutReason.removeForRecovery) return LogoutResult.recoveryNotSupported;
    throw new IscsiError("malformedPdu", `Logout Request: reason ${reason}`);
  }

  /** Whether a request that takes time may begin; numbered ones are bounded by the window, immediate ones are counted. */
  #openRequest(pdu: FramedPdu, immediate: boolean): boolean {
    if (!immediate) return true;
    if (this.#requestsOpen >= MAX_OPEN_REQUESTS) {
      this.#replies.reject(pdu, RejectReason.tooManyImmediateCommands);
      return false;
    }
    this.#requestsOpen++;
    return true;
  }

  #closeRequest(immediate: boolean): void {
    if (immediate) this.#requestsOpen--;
    else this.#window.leave();
  }
}
