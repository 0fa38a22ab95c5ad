/**
 * Sends datagrams by one interface and prints what comes back, run inside a network namespace. The argument is a
 * `RawExchange` as JSON; every reply is one JSON line; the last line is `{"kind":"done"}` after `waitMs` of silence.
 */
import { createSocket } from "node:dgram";
import { openUdpSocket } from "@ingot/linux";
import { bytesFromHex, hexFromBytes } from "@ingot/wire";

/** Datagrams to send and how to wait for the replies. */
export interface RawExchange {
  readonly device: string;
  readonly localPort: number;
  readonly messages: readonly { readonly address: string; readonly port: number; readonly hex: string }[];
  readonly waitMs: number;
}

const exchange = JSON.parse(process.argv[2] ?? "{}") as RawExchange;
const fd = openUdpSocket({
  address: "0.0.0.0",
  port: exchange.localPort,
  device: exchange.device,
  broadcast: true,
  reuseAddress: true,
});
const socket = createSocket("udp4");
socket.on("message", (bytes, { address, port }) => {
  process.stdout.write(`${JSON.stringify({ address, port, hex: hexFromBytes(bytes) })}\n`);
  silence.refresh();
});
socket.bind({ fd });
for (const { address, port, hex } of exchange.messages) socket.send(bytesFromHex(hex), port, address);
const silence = setTimeout(() => {
  socket.close();
  process.stdout.write('{"kind":"done"}\n');
}, exchange.waitMs);
