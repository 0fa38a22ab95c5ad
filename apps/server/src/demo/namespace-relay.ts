import { connect, createServer } from "node:net";

/**
 * Runs inside a network namespace: passes connections from a Unix socket (which namespaces share) on to a TCP port
 * that only exists in there. Usage: `node namespace-relay.ts SOCKET ADDRESS PORT`; prints `listening` when ready.
 */
const [socketPath = "", address = "", port = ""] = process.argv.slice(2);

createServer((outside) => {
  const inside = connect(Number(port), address);
  outside.pipe(inside).pipe(outside);
  outside.on("error", () => inside.destroy());
  inside.on("error", () => outside.destroy());
}).listen(socketPath, () => process.stdout.write("listening\n"));
