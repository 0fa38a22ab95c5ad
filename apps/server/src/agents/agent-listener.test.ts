import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { createIdentity, type Identity } from "@ingot/swarm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentListener, listenForAgents } from "./agent-listener.ts";

const server = createIdentity();
let listener: AgentListener;

beforeAll(async () => {
  listener = await listenForAgents({
    address: "127.0.0.1",
    port: 0,
    identity: server,
    handle: (_request, peer) => Response.json(peer),
    onError: () => undefined,
  });
});
afterAll(() => listener.close());

interface Answer {
  readonly body: unknown;
  readonly protocol: string | null;
}

function ask(identity: Identity | undefined, maxVersion: "TLSv1.2" | "TLSv1.3" = "TLSv1.3"): Promise<Answer> {
  const keys = identity === undefined ? {} : { key: identity.keyPem, cert: identity.certPem };
  return new Promise((resolve, reject) => {
    const options = {
      port: listener.port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      agent: false,
      maxVersion,
      ...keys,
    };
    request(options, (response) => {
      let text = "";
      const protocol = (response.socket as TLSSocket).getProtocol();
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () => resolve({ body: JSON.parse(text), protocol }));
    })
      .on("error", reject)
      .end();
  });
}

test("an agent is known by the key that it shows, whoever signed its certificate", async () => {
  const agent = createIdentity();
  const answer = await ask(agent);
  expect(answer).toEqual({ body: { fingerprint: agent.fingerprint, address: "127.0.0.1" }, protocol: "TLSv1.3" });
});

test("whoever shows no key has no name", async () => {
  expect((await ask(undefined)).body).toEqual({ address: "127.0.0.1" });
});

test("older versions of TLS are refused", async () => {
  await expect(ask(createIdentity(), "TLSv1.2")).rejects.toThrow();
});

test("a port that is taken is one clear error", async () => {
  const again = listenForAgents({
    address: "127.0.0.1",
    port: listener.port,
    identity: server,
    handle: () => new Response(),
    onError: () => undefined,
  });
  await expect(again).rejects.toMatchObject({ code: "port-in-use" });
});
