import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { encodeSocketAddress, ReceiveBatch, UdpBatchSocket } from "@ingot/linux";
import { PACKET_BYTES, SEND_SOCKET_BYTES } from "./limits.ts";
import type { FromSender, SenderStart, ToSender } from "./messages.ts";
import { PacketMemory } from "./packet.ts";
import { SenderSession } from "./sender.ts";

const STATS_INTERVAL_MS = 500;

/** Runs a session until it is done. The thread waits in the system's calls and on the word `wake`, and looks for messages in between. */
function run(start: SenderStart, post: (message: FromSender) => void, nextMessage: () => ToSender | undefined): void {
  const session = new SenderSession(start.plan, start.pieceCount, start.awaited);
  const wake = new Int32Array(start.wake);
  const socket = UdpBatchSocket.open({
    address: start.interfaceAddress,
    port: 0,
    sendBufferBytes: SEND_SOCKET_BYTES,
    receiveBufferBytes: SEND_SOCKET_BYTES,
  });
  try {
    socket.sendToGroups({ interfaceAddress: start.interfaceAddress, ttl: start.ttl, loop: start.loop });
    const group = encodeSocketAddress({ address: start.plan.group, port: start.plan.port });
    const reports = new ReceiveBatch(4);
    const memory = new PacketMemory(reports.bytes);
    let statsMs = 0;
    post({ kind: "ready" });
    for (;;) {
      const seen = Atomics.load(wake, 0);
      for (let message = nextMessage(); message !== undefined; message = nextMessage()) take(session, message);
      const nowMs = performance.now();
      receiveReports(session, socket, reports, memory, nowMs);
      const pieces = session.toRead();
      if (pieces.length > 0) post({ kind: "read", pieces });
      const step = session.next(nowMs);
      if (step.kind === "done") break;
      if (step.kind === "send") socket.send(session.buffer, 0, step.length, PACKET_BYTES, group);
      // Not for ever: reports do not wake it.
      else Atomics.wait(wake, 0, seen, Math.min(5, Math.max(0, step.untilMs - nowMs)));
      if (nowMs < statsMs) continue;
      statsMs = nowMs + STATS_INTERVAL_MS;
      post({ kind: "stats", stats: session.stats(nowMs) });
    }
    post({ kind: "ended", stats: session.stats(performance.now()) });
  } finally {
    socket.close();
  }
}

function take(session: SenderSession, message: ToSender): void {
  switch (message.kind) {
    case "begin":
      return session.begin();
    case "stop":
      return session.stop();
    case "piece":
      return session.supply(message.piece, message.stream);
  }
}

function receiveReports(
  session: SenderSession,
  socket: UdpBatchSocket,
  batch: ReceiveBatch,
  memory: PacketMemory,
  nowMs: number,
): void {
  // As many as there are slots, and then the next row: a flood of reports must not stop the stream.
  const count = socket.receive(batch, false);
  for (let slot = 0; slot < count; slot++) {
    const { start, length, segmentBytes } = batch.take(slot);
    for (let at = 0; at < length; at += segmentBytes)
      session.receive(memory, start + at, Math.min(segmentBytes, length - at), nowMs);
  }
}

const port = parentPort;
if (port !== null) {
  run(
    workerData as SenderStart,
    (message) => port.postMessage(message),
    () => receiveMessageOnPort(port)?.message as ToSender | undefined,
  );
}
