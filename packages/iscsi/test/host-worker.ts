/** A thread with a target of its own over memory, for tests: serves the connections that are posted to it, and says who logged in. */
import { parentPort, threadId } from "node:worker_threads";
import { type HandedConnection, TargetHost } from "@ingot/iscsi";
import { MemoryDevice } from "./memory-device.ts";

const device = new MemoryDevice(1_048_576);
device.bytes.fill(threadId);
const host = new TargetHost({
  directory: {
    credentials: async () => undefined,
    resolve: async () => ({ kind: "disk", device, id: "test" }),
    list: async () => [],
  },
  onEvent(event) {
    if (event.kind === "login") parentPort?.postMessage({ thread: threadId, ...event.session });
  },
});
parentPort?.on("message", (connection: HandedConnection) => host.take(connection));
