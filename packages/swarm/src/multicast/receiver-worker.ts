import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { ReceiveBatch, UdpBatchSocket } from "@ingot/linux";
import { PieceSet } from "../piece-set.ts";
import { RECEIVE_SOCKET_BYTES } from "./limits.ts";
import type { FromReceiver, ReceiverStart, ToReceiver } from "./messages.ts";
import { PacketMemory } from "./packet.ts";
import type { EndReason } from "./receiver.ts";
import { ReceiverSession } from "./receiver.ts";

/** How long a receive waits at most: timers and the end are looked at in between. */
const RECEIVE_TIMEOUT_MS = 50;

/** How often timers are looked at while packets come. */
const TICK_MS = 5;

const STATS_INTERVAL_MS = 500;

/** Switches forget members that nobody asks for where no router does (IGMP snooping without a querier): they are told again. */
const REJOIN_MS = 60_000;

/** Buffers of pieces that are kept for the next ones. */
const MAX_FREE_BUFFERS = 8;

/** Datagrams, or runs of them, in one system call. */
const BATCH = 8;

type Post = (message: FromReceiver, transfer?: readonly ArrayBuffer[]) => void;

/** Runs a session until it is over or `stop` is set. The thread waits in recvmmsg(2). */
function run(start: ReceiverStart, post: Post, nextMessage: () => ToReceiver | undefined): void {
  const { plan, interfaceAddress } = start;
  const socket = UdpBatchSocket.open({
    address: plan.group,
    port: plan.port,
    reuseAddress: true,
    receiveBufferBytes: RECEIVE_SOCKET_BYTES,
    receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
  });
  try {
    socket.joinGroup(plan.group, interfaceAddress);
    socket.sendToGroups({ interfaceAddress, ttl: 1, loop: false });
    post({ kind: "ready" });
    const receiver = new Receiver(start, socket, post);
    const stop = new Int32Array(start.stop);
    while (Atomics.load(stop, 0) === 0 && receiver.end === undefined) {
      receiver.turn();
      for (let message = nextMessage(); message !== undefined; message = nextMessage()) receiver.take(message);
    }
    post({ kind: "end", reason: receiver.end ?? "stopped", stats: receiver.session.stats });
  } finally {
    socket.close();
  }
}

class Receiver {
  readonly session: ReceiverSession;
  end: EndReason | undefined;
  readonly #start: ReceiverStart;
  readonly #socket: UdpBatchSocket;
  readonly #post: Post;
  readonly #batch = new ReceiveBatch(BATCH);
  readonly #memory = new PacketMemory(this.#batch.bytes);
  /** Where authentic packets come from. */
  #sender: Uint8Array | undefined;
  /** Buffers that have come back; each takes any piece. */
  readonly #free: ArrayBuffer[] = [];
  #tickMs = 0;
  #statsMs = 0;
  #rejoinMs: number = performance.now() + REJOIN_MS;

  constructor(start: ReceiverStart, socket: UdpBatchSocket, post: Post) {
    this.#start = start;
    this.#socket = socket;
    this.#post = post;
    const pieceCount = start.maxStreamBytes.length;
    const wanted = new PieceSet(pieceCount);
    for (const piece of start.wanted) wanted.add(piece);
    const longest = start.maxStreamBytes.reduce((most, bytes) => Math.max(most, bytes), 0);
    this.session = new ReceiverSession({
      plan: start.plan,
      pieceCount,
      wanted,
      maxStreamBytes: (piece) => start.maxStreamBytes[piece] ?? 0,
      maxBufferedBytes: start.maxBufferedBytes,
      // Memory that was used before and is not zeroed: new pages cost as much as everything else here.
      allocate: (bytes) => new Uint8Array(this.#free.pop() ?? Buffer.allocUnsafeSlow(longest).buffer, 0, bytes),
      random: Math.random,
      nowMs: performance.now(),
      events: {
        onPiece: (piece, stream) => post({ kind: "piece", piece, stream }, [stream.buffer]),
        onBeginning: (piece, stream) => post({ kind: "beginning", piece, stream: stream.slice() }),
        onLost: (pieces) => post({ kind: "lost", pieces }),
        onReport: (packet) => {
          if (this.#sender !== undefined) socket.send(packet, 0, packet.length, packet.length, this.#sender);
        },
        onEnd: (reason) => {
          this.end = reason;
        },
      },
    });
  }

  /** Waits for packets, takes them, and does what is due. */
  turn(): void {
    const count = this.#socket.receive(this.#batch, true);
    const nowMs = performance.now();
    for (let slot = 0; slot < count; slot++) this.#receive(slot, nowMs);
    if (nowMs < this.#tickMs && count > 0) return;
    this.#tickMs = nowMs + TICK_MS;
    this.session.tick(nowMs);
    if (nowMs >= this.#statsMs) {
      this.#statsMs = nowMs + STATS_INTERVAL_MS;
      this.#post({ kind: "stats", stats: this.session.stats });
    }
    if (nowMs < this.#rejoinMs) return;
    this.#rejoinMs = nowMs + REJOIN_MS;
    this.#socket.leaveGroup(this.#start.plan.group, this.#start.interfaceAddress);
    this.#socket.joinGroup(this.#start.plan.group, this.#start.interfaceAddress);
  }

  take(message: ToReceiver): void {
    if (message.kind === "release") this.#release(message);
    else for (const piece of message.pieces) this.session.forget(piece);
  }

  #release({ bytes, buffer }: Extract<ToReceiver, { kind: "release" }>): void {
    this.session.release(bytes);
    if (buffer !== undefined && this.#free.length < MAX_FREE_BUFFERS) this.#free.push(buffer);
  }

  #receive(slot: number, nowMs: number): void {
    const { start, length, segmentBytes } = this.#batch.take(slot);
    let accepted = false;
    for (let at = 0; at < length; at += segmentBytes)
      if (this.session.receive(this.#memory, start + at, Math.min(segmentBytes, length - at), nowMs)) accepted = true;
    if (accepted) this.#sender = this.#batch.sourceOf(slot);
  }
}

const port = parentPort;
if (port !== null) {
  run(
    workerData as ReceiverStart,
    (message, transfer = []) => port.postMessage(message, [...transfer]),
    () => receiveMessageOnPort(port)?.message as ToReceiver | undefined,
  );
}
