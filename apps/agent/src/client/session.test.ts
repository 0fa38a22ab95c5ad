import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import type { AgentInventory } from "@ingot/api";
import { createIdentity, fingerprintOfCertificate, type Identity } from "@ingot/swarm";
import { expect, onTestFinished, test } from "vitest";
import { StateFolder } from "../state/state-folder.ts";
import { openSession, type SessionOptions } from "./session.ts";

const hex = "cd".repeat(32);
const inventory: AgentInventory = { system: "installed", agentVersion: "0", nics: [], disks: [], firmware: "unknown" };

interface Asked {
  readonly path: string;
  readonly body: unknown;
  readonly fingerprint: string;
}

/** A server that gives prepared answers, one after the other; the last one again and again. */
async function server(
  identity: Identity,
  answers: readonly { status?: number; body: unknown }[],
): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    const { raw } = (request.socket as TLSSocket).getPeerCertificate() as { raw: Buffer };
    const body: unknown = JSON.parse(Buffer.concat(parts).toString() || "null");
    asked.push({ path: request.url ?? "", body, fingerprint: fingerprintOfCertificate(raw) });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    response.writeHead(answer?.status ?? 200).end(JSON.stringify(answer?.body));
  };
  const listener = createServer(
    {
      key: identity.keyPem,
      cert: identity.certPem,
      minVersion: "TLSv1.3",
      requestCert: true,
      rejectUnauthorized: false,
    },
    (request, response) => void handle(request, response),
  );
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    listener.close();
    listener.closeAllConnections();
  });
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { url: `https://127.0.0.1:${address.port}`, asked };
}

async function stateFolder(): Promise<StateFolder> {
  const directory = mkdtempSync(join(tmpdir(), "ingot-state-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return StateFolder.open(join(directory, "agent"));
}

const enrolled = (signingKey = hex): { body: unknown } => ({
  body: { state: "enrolled", agentId: "a", machineId: "m", signingKey, serverTime: "2026-11-22T08:30:00.000Z" },
});
const options = (state: StateFolder, more: Partial<SessionOptions>): SessionOptions => ({
  state,
  server: undefined,
  pin: undefined,
  role: "machine",
  inventory: () => Promise.resolve(inventory),
  token: undefined,
  onWait: () => Promise.resolve(),
  ...more,
});

test("an agent keeps its key, waits to be let in, and remembers server and signing key", async () => {
  const identity = createIdentity();
  const waiting = { body: { state: "waiting", reason: "approval", code: "K7", message: "wait", retryAfterSeconds: 1 } };
  const { url, asked } = await server(identity, [waiting, { status: 503, body: {} }, enrolled()]);
  const state = await stateFolder();
  const waits: string[] = [];
  const session = await openSession(
    options(state, {
      server: url,
      pin: identity.fingerprint.toUpperCase(),
      token: "0123456789abcdef",
      onWait: (answer) => Promise.resolve(void waits.push("code" in answer ? String(answer.code) : "")),
    }),
  );
  expect(waits).toEqual(["K7", "server-unreachable"]);
  expect(session.client.localAddress).toBe("127.0.0.1");
  session.client.close();
  const kept = await state.identity();
  expect(asked.map(({ fingerprint }) => fingerprint)).toEqual(asked.map(() => kept.fingerprint));
  expect(asked[0]).toMatchObject({ path: "/agent/v1/enrol", body: { role: "machine", token: "0123456789abcdef" } });
  expect(await state.server()).toEqual({ url, pin: identity.fingerprint, signingKey: hex });
  expect(statSync(join(state.path, "identity.pem")).mode & 0o077).toBe(0);
  expect(readdirSync(state.path).toSorted()).toEqual(["identity.pem", "server.json"]);

  const again = await openSession(options(state, {}));
  expect(again.identity.fingerprint).toBe(kept.fingerprint);
  again.client.close();
});

test("whoever does not hold the pinned key gets not a byte of a request", async () => {
  const { url, asked } = await server(createIdentity(), [enrolled()]);
  const opening = openSession(options(await stateFolder(), { server: url, pin: createIdentity().fingerprint }));
  await expect(opening).rejects.toMatchObject({ code: "wrong-server" });
  expect(asked).toEqual([]);
});

test("a server that signs with another key than before is not believed", async () => {
  const identity = createIdentity();
  const { url } = await server(identity, [enrolled("ef".repeat(32))]);
  const state = await stateFolder();
  await state.rememberServer({ url, pin: identity.fingerprint, signingKey: hex });
  await expect(openSession(options(state, {}))).rejects.toMatchObject({ code: "wrong-server" });
  expect((await state.server())?.signingKey).toBe(hex);
});

test.each<[string, Partial<SessionOptions>]>([
  ["no server", {}],
  ["a server without its pin", { server: "https://127.0.0.1:1" }],
  ["a pin that is none", { server: "https://127.0.0.1:1", pin: "abc" }],
  ["a server without TLS", { server: "http://127.0.0.1:1", pin: hex }],
])("%s is wrong usage", async (_what, more) => {
  await expect(openSession(options(await stateFolder(), more))).rejects.toMatchObject({ code: "usage" });
});

test.each([
  ["refused", { status: 403, body: { error: { code: "forbidden", message: "no" } } }, "refused"],
  ["not an answer", { body: "hello" }, "bad-answer"],
  ["of another form", { body: { state: "enrolled" } }, "bad-answer"],
])("an enrolment that is %s ends it", async (_what, answer, code) => {
  const identity = createIdentity();
  const { url } = await server(identity, [answer]);
  const opening = openSession(options(await stateFolder(), { server: url, pin: identity.fingerprint }));
  await expect(opening).rejects.toMatchObject({ code });
});

test("a damaged state folder is said, not overwritten", async () => {
  const state = await stateFolder();
  writeFileSync(join(state.path, "identity.pem"), "no key");
  await expect(state.identity()).rejects.toMatchObject({ code: "surroundings" });
  writeFileSync(join(state.path, "server.json"), "{");
  await expect(state.server()).rejects.toMatchObject({ code: "surroundings" });
});
