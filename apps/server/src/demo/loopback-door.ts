import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import type { Namespace } from "@ingot/testkit/lab";

/** A TCP port on this machine's loopback that leads to one inside a namespace. */
export interface LoopbackDoor {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Opens a door from 127.0.0.1 to `insidePort` on the namespace's own loopback: a browser on this machine (or at the end
 * of an ssh tunnel) can look at a console that runs in a network of its own. The preferred port is taken when it is free.
 */
export async function openLoopbackDoor(
  namespace: Namespace,
  insidePort: number,
  directory: string,
  preferredPort: number,
): Promise<LoopbackDoor> {
  const socketPath = join(directory, "console.sock");
  const relay = namespace.spawn(process.execPath, [
    join(import.meta.dirname, "namespace-relay.ts"),
    socketPath,
    "127.0.0.1",
    String(insidePort),
  ]);
  await relay.waitForOutput("listening", { timeoutMs: 20_000 });
  const open = new Set<Socket>();
  const server = createServer((outside) => {
    const inside = connect(socketPath);
    for (const socket of [outside, inside]) {
      open.add(socket);
      socket.once("close", () => open.delete(socket));
    }
    outside.pipe(inside).pipe(outside);
    outside.on("error", () => inside.destroy());
    inside.on("error", () => outside.destroy());
  });
  const port = await listenOn(server, preferredPort);
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.close();
      for (const socket of open) socket.destroy();
      await relay.stop();
    },
  };
}

async function listenOn(server: ReturnType<typeof createServer>, preferredPort: number): Promise<number> {
  for (const port of [preferredPort, 0]) {
    server.listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : port;
    } catch (error) {
      if (port === 0) throw error;
    }
  }
  throw new Error("unreachable: port 0 is always free");
}
