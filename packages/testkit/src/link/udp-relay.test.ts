import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { LinkPlan } from "./link-plan.ts";
import { openUdpRelay } from "./udp-relay-socket.ts";

const opened: Socket[] = [];

async function openSocket(): Promise<Socket> {
  const socket = createSocket("udp4");
  opened.push(socket);
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

afterEach(() => {
  for (const socket of opened.splice(0)) {
    socket.close();
  }
});

test("a server that answers from a second port is seen with a second port, and is reached there", async () => {
  const server = await openSocket();
  const second = await openSocket();
  server.on("message", (_bytes, client) => second.send("from second", client.port, client.address));
  const relay = await openUdpRelay({
    target: { address: "127.0.0.1", port: server.address().port },
    toServer: new LinkPlan({ seed: 1 }),
    toClient: new LinkPlan({ seed: 2 }),
  });
  const client = await openSocket();
  client.send("request", relay.endpoint.port, relay.endpoint.address);
  const [answer, from] = (await once(client, "message")) as [Buffer, { port: number }];
  expect(answer.toString()).toBe("from second");
  expect(from.port).not.toBe(relay.endpoint.port);
  client.send("to second", from.port, "127.0.0.1");
  const [reply] = (await once(second, "message")) as [Buffer];
  expect(reply.toString()).toBe("to second");
  await relay.close();
  await relay.close();
});

test("what the plan drops does not arrive, what it doubles arrives twice", async () => {
  const server = await openSocket();
  const received: string[] = [];
  server.on("message", (bytes) => received.push(bytes.toString()));
  const toServer = new LinkPlan({ seed: 3, dropRate: 0.3, duplicateRate: 0.3 });
  const relay = await openUdpRelay({
    target: { address: "127.0.0.1", port: server.address().port },
    toServer,
    toClient: new LinkPlan({ seed: 4 }),
  });
  const client = await openSocket();
  const sent = 40;
  for (let index = 0; index < sent; index += 1) {
    client.send(`${index}`, relay.endpoint.port, relay.endpoint.address);
  }
  const { counts } = toServer;
  await expect
    .poll(() => counts.packets === sent && received.length === sent - counts.dropped + counts.duplicated)
    .toBe(true);
  expect(counts.dropped).toBeGreaterThan(0);
  expect(new Set(received).size).toBe(sent - counts.dropped);
  await relay.close();
});
