/** A responder for tests, run inside a network namespace on the interface of its argument; one JSON line per decision. */
import { hexFromBytes } from "@ingot/wire";
import { startRouterAdvertServer } from "../src/index.ts";

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const server = startRouterAdvertServer({
  device: process.argv[2] ?? "",
  now: () => performance.now(),
  onDecision: (decision, source) => print({ ...decision, destination: undefined, source: hexFromBytes(source) }),
  onSendError: (error) => print({ kind: "send-error", error: String(error) }),
  onReceiveError: (error) => print({ kind: "receive-error", error: String(error) }),
});
process.once("SIGTERM", () => {
  print({ kind: "counters", ...server.counters });
  void server.close();
});
print({ kind: "ready" });
