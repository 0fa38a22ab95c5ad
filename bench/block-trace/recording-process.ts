/**
 * A TCP relay before an iSCSI target that writes down what passes: node recording-process.ts LISTEN TARGET_ADDRESS TARGET_PORT FILE.
 * FILE gets one line of JSON for each command that was answered. Prints `listening`.
 */
import { createWriteStream } from "node:fs";
import { connect, createServer } from "node:net";
import { SessionRecorder } from "./session-recorder.ts";

const [listen = "", address = "", port = "", file = ""] = process.argv.slice(2);
const lines = createWriteStream(file);
const startedUs = performance.now() * 1000;
const nowUs = (): number => Math.round(performance.now() * 1000 - startedUs);

createServer({ noDelay: true }, (initiator) => {
  const target = connect({ host: address, port: Number(port), noDelay: true });
  const recorder = new SessionRecorder(nowUs, (command) => lines.write(`${JSON.stringify(command)}\n`));
  initiator.on("data", (chunk: Buffer) => recorder.fromInitiator(chunk));
  target.on("data", (chunk: Buffer) => recorder.fromTarget(chunk));
  initiator.pipe(target).pipe(initiator);
  initiator.on("error", () => target.destroy());
  target.on("error", () => initiator.destroy());
}).listen(Number(listen), () => process.stdout.write("listening\n"));
process.on("SIGTERM", () => lines.end(() => process.exit(0)));
