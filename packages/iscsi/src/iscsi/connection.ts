import { serialAdd } from "@ingot/wire";
import { IscsiError } from "../errors.ts";
import { COMMAND_WINDOW, MAX_DATA_SEGMENT_BYTES } from "../limits.ts";
import { InitiatorOpcode, opcodeOf } from "./bhs.ts";
import { Discovery } from "./discovery.ts";
import type { FramedPdu } from "./framer.ts";
import { Framer } from "./framer.ts";
import { Login } from "./login.ts";
import type { LoginReply, LoginResult } from "./login.ts";
import { decodeLoginRequest, LoginStatus, nameOfLoginStatus, putLoginResponse } from "./login-pdu.ts";
import type { LoginRequest } from "./login-pdu.ts";
import { Output } from "./output.ts";
import type { Transport } from "./output.ts";
import { Session } from "./session.ts";
import type { SessionInfo } from "./session-info.ts";
import { zeroCounters } from "./session-info.ts";
import type { EndReason, Target } from "./target.ts";

/** Where a connection comes from and arrives. */
export interface ConnectionAddresses {
  readonly peerAddress: string;
  /** Our side, `address:port`. */
  readonly portal: string;
}

/**
 * One TCP connection: login first, then the session. Bytes come in through `receive`, go out through the transport; nothing here waits,
 * reads a clock or knows a socket.
 */
export class Connection {
  readonly #target: Target;
  readonly #transport: Transport;
  readonly addresses: ConnectionAddresses;
  readonly #output: Output;
  readonly #framer: Framer;
  readonly #login: Login;
  #statSN = 0;
  #session: Session | undefined;
  #info: SessionInfo | undefined;
  #targetSession: { closed(reason: EndReason): Promise<void> } | undefined;
  #flushScheduled = false;
  #closed = false;
  #closing: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<void>();
  /** The login request that is being answered, perhaps by opening a disk. Never rejects. */
  #answering: Promise<void> = Promise.resolve();

  constructor(target: Target, transport: Transport, addresses: ConnectionAddresses) {
    this.#target = target;
    this.#transport = transport;
    this.addresses = addresses;
    this.#output = new Output(target.pool, transport, () => this.#session?.drained());
    this.#framer = new Framer(target.pool, (pdu) => this.#take(pdu));
    this.#login = new Login({
      ...addresses,
      portalGroupTag: target.portalGroups.tagOf(addresses.portal),
      random: target.random,
      credentials: (parties) => target.directory.credentials(parties),
      open: (login) => target.open({ ...login, end: () => this.close("reset") }, this),
      openDiscovery: () => target.nextTsih(),
      barred: () =>
        target.failedLogins.isTooMany(addresses.peerAddress, target.now())
          ? `too many failed logins from ${addresses.peerAddress}`
          : undefined,
      isSessionOf: (tsih, parties) => target.isSessionOf(tsih, parties),
    });
  }

  /** Whether the login is through. */
  get isLoggedIn(): boolean {
    return this.#session !== undefined;
  }

  /** Takes bytes from the socket. What is wrong with them ends this connection and no other. */
  receive(chunk: Uint8Array): void {
    if (this.#closed) return;
    if (this.#info === undefined) {
      this.#guard(() => this.#framer.push(chunk));
      return;
    }
    this.#target.touch(this.#info);
    const before = commandsOf(this.#info);
    this.#guard(() => this.#framer.push(chunk));
    if (commandsOf(this.#info) - before === 1 && this.#session?.isIdle === true) this.#target.busyPoll.answered(this);
    else this.#target.busyPoll.stop();
  }

  /**
   * Ends the connection from our side. Resolves, however often it is called, when its disk is not used any more and has been given
   * back: also one that a login was still opening.
   */
  close(reason: EndReason): Promise<void> {
    this.#closing ??= this.#closeNow(reason);
    return this.#closing;
  }

  /** Resolves when nothing of it is left, however it ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Asks the initiator to log out by itself; false when it is not one that can be asked. */
  askToLogOut(seconds: number): boolean {
    const asked = !this.#closed && this.#session?.askToLogOut(seconds) === true;
    if (asked) this.#output.flush();
    return asked;
  }

  async #closeNow(reason: EndReason): Promise<void> {
    this.#closed = true;
    if (reason === "timeout" && this.#session === undefined) this.#reportTimeout();
    if (reason === "shutdown") this.#session?.announceDrop();
    this.#output.flush();
    this.#transport.end();
    this.#framer.close();
    this.#output.close();
    await Promise.all([this.#session?.close(), this.#answering]);
    await this.#targetSession?.closed(reason);
    this.#ended.resolve();
  }

  #reportTimeout(): void {
    const error = new IscsiError("loginTimeout", "the login was not done in time");
    this.#target.report({ kind: "error", ...this.addresses, error });
  }

  /** Runs what may find fault with the peer, then sends what it produced. Our own faults end no more than this connection either. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#output.flush();
    if (this.#framer.stopped) this.#transport.pauseReading();
  }

  #fail(error: unknown): void {
    this.#target.report({ kind: "error", ...this.addresses, error });
    void this.close("error");
  }

  #take(pdu: FramedPdu): boolean {
    if (this.#session !== undefined) return this.#session.receive(pdu);
    if (opcodeOf(pdu.bytes, pdu.at) !== InitiatorOpcode.login) {
      throw new IscsiError(
        "malformedPdu",
        `PDU with opcode ${opcodeOf(pdu.bytes, pdu.at).toString(16)}h before the login`,
      );
    }
    const request = decodeLoginRequest(pdu.bytes, pdu.at);
    // `slice` of a Buffer would be a view of memory that is the next PDU's by the time the answer is ready.
    const data = new Uint8Array(pdu.bytes.subarray(pdu.dataAt, pdu.dataAt + pdu.dataLength));
    this.#answering = this.#answer(request, data).catch((error: unknown) => this.#fail(error));
    // The rest waits: what comes next depends on the answer.
    return false;
  }

  async #answer(request: LoginRequest, data: Uint8Array): Promise<void> {
    const reply = await this.#login.answer(request, data).catch((error: unknown) => this.#broken(request, error));
    if (!this.#closed) this.#answerLogin(request, reply);
    // The peer left, or was told to, while the disk was being opened.
    else if (reply.result !== undefined) await this.#target.abandon(reply.tsih);
  }

  #broken(request: LoginRequest, error: unknown): LoginReply {
    this.#target.report({ kind: "error", ...this.addresses, error });
    const { currentStage } = request;
    return {
      status: LoginStatus.targetError,
      reason: error instanceof Error ? error.message : "the directory failed",
      transit: false,
      currentStage,
      nextStage: currentStage,
      tsih: 0,
      text: new Uint8Array(0),
    };
  }

  #answerLogin(request: LoginRequest, reply: LoginReply): void {
    this.#putLoginReply(request, reply);
    if (reply.status !== LoginStatus.success) {
      const { status, reason = nameOfLoginStatus(status) } = reply;
      if (isInitiatorsFault(status)) this.#target.failedLogins.note(this.addresses.peerAddress, this.#target.now());
      this.#target.report({ kind: "refused", ...this.addresses, parties: this.#login.parties, status, reason });
      void this.close("refused");
      return;
    }
    if (reply.result !== undefined) this.#beginSession(request, reply, reply.result);
    this.#guard(() => this.#framer.resume());
    if (!this.#framer.stopped) this.#transport.resumeReading();
  }

  #putLoginReply(request: LoginRequest, reply: LoginReply): void {
    const { text, tsih, result: _, reason: __, ...fields } = reply;
    const at = this.#output.reserve(text.length);
    this.#output.bytes.set(text, at + this.#output.dataOffset);
    putLoginResponse(this.#output.bytes, at, {
      ...fields,
      more: false,
      isid: request.isid,
      tsih: tsih === 0 ? request.tsih : tsih,
      initiatorTaskTag: request.initiatorTaskTag,
      statSN: this.#statSN,
      expCmdSN: request.cmdSN,
      maxCmdSN: serialAdd(request.cmdSN, COMMAND_WINDOW - 1),
      dataLength: text.length,
    });
    this.#statSN = serialAdd(this.#statSN, 1);
    this.#output.commit(text.length);
  }

  #beginSession(request: LoginRequest, { tsih }: LoginReply, { parties, alias, parameters }: LoginResult): void {
    const nowMs = this.#target.now();
    const counters = zeroCounters(nowMs);
    const session = new Session({
      output: this.#output,
      pool: this.#target.pool,
      parameters,
      counters,
      elapsedMs: this.#target.elapsedMs,
      cid: request.cid,
      discovery: new Discovery({
        addresses: this.#target.portalGroups.addressesFor(parties.portal),
        targetName: parties.targetName,
        list: () => this.#target.directory.list(parties),
      }),
      statSN: this.#statSN,
      cmdSN: request.cmdSN,
      flushSoon: () => this.#flushSoon(),
      resumeReading: () => this.#resumeReading(),
      end: (reason) => void this.close(reason),
      fail: (error) => this.#fail(error),
    });
    this.#session = session;
    this.#info = {
      id: tsih,
      ...parties,
      ...(alias === undefined ? {} : { initiatorAlias: alias }),
      portalGroupTag: this.#target.portalGroups.tagOf(parties.portal),
      startedMs: nowMs,
      parameters,
      counters,
    };
    this.#framer.configure({ ...parameters, maxDataSegmentLength: MAX_DATA_SEGMENT_BYTES });
    this.#output.flush();
    this.#output.configure(parameters);
    this.#targetSession = this.#target.begin(tsih, this, session, this.#info);
  }

  #flushSoon(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    this.#transport.soon(() => {
      this.#flushScheduled = false;
      this.#output.flush();
    });
  }

  #resumeReading(): void {
    // Not from inside of a PDU: the framer goes on in a turn of its own.
    this.#transport.soon(() => {
      if (this.#closed || !this.#framer.stopped) return;
      this.#guard(() => this.#framer.resume());
      if (!this.#framer.stopped) this.#transport.resumeReading();
    });
  }
}

function commandsOf({ counters }: SessionInfo): number {
  return counters.readCommands + counters.writeCommands + counters.otherCommands;
}

/** Status-Class 2 (RFC 7143 §11.13.5). */
function isInitiatorsFault(status: LoginStatus): boolean {
  return status >>> 8 === 2;
}
