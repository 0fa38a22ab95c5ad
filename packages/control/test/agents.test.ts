import type { Agent, AgentImage, AgentToken, EnrolAnswer, Job, Page } from "@ingot/api";
import { sha256 } from "@ingot/chunks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeAgent, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness } from "./harness.ts";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const agentsIn = async (state: string): Promise<readonly Agent[]> =>
  (await api.get<Page<Agent>>(`/agents?state=${state}`)).body.items;
const codeIn = (answer: EnrolAnswer): string => {
  if (answer.state === "enrolled" || answer.code === undefined) throw new Error(`no code: ${JSON.stringify(answer)}`);
  return answer.code;
};

test("everybody is let in while enrolment is open, and registers its machine", async () => {
  const agent = new FakeAgent(harness, 1);
  const answer = await agent.enrol();
  expect(answer).toMatchObject({ state: "enrolled", machineName: "pc-525400000001", signingKey: "5".repeat(64) });
  expect(await agent.enrol()).toEqual(answer);
  expect(await agentsIn("enrolled")).toMatchObject([
    { fingerprint: agent.fingerprint, isLive: true, machineName: "pc-525400000001" },
  ]);
  harness.clock.advance(31_000);
  expect(await agentsIn("enrolled")).toMatchObject([{ isLive: false }]);
});

test("nobody gets anything who is not let in", async () => {
  const agent = new FakeAgent(harness, 1);
  await harness.control.images.add("a", imageOf(1));
  const paths = ["/heartbeat", "/tasks/1-m/report", "/captures/1-m", `/swarms/${"0".repeat(64)}/join`, "/other"];
  for (const path of paths) expect((await agent.post(path, { state: "idle" })).status, path).toBe(403);
  expect((await agent.get("/images/a")).status).toBe(403);
  expect((await harness.agents.request("/agent/v1/enrol", { method: "POST", body: "{}" })).status).toBe(400);
  const nameless = { method: "POST", body: JSON.stringify({ role: "machine", inventory: agent.inventory }) };
  expect((await harness.agents.request("/agent/v1/enrol", nameless)).status).toBe(403);
  expect(
    (await agent.post("/enrol", { role: "machine", inventory: agent.inventory, junk: "x".repeat(200_000) })).status,
  ).toBe(413);
});

test("with approval, a machine shows a code and waits for somebody to type it", async () => {
  await api.send("PATCH", "/settings", { enrolment: "approve" });
  const agent = new FakeAgent(harness, 1);
  const answer = await agent.enrol();
  expect(answer).toMatchObject({ state: "waiting", reason: "approval", retryAfterSeconds: 5 });
  const code = codeIn(answer);
  expect(code).toMatch(/^[A-HJ-NP-Z2-9]{3}-[A-HJ-NP-Z2-9]{3}$/);
  expect(await agent.enrol()).toEqual(answer);
  expect((await agent.post("/heartbeat", { state: "idle" })).status).toBe(403);
  expect((await api.events("agent.waiting")).map((event) => event.message)).toHaveLength(1);
  expect((await api.send("POST", "/agents/approve", { who: "AAA-AAA" })).status).toBe(404);
  expect((await api.send<Agent>("POST", "/agents/approve", { who: code.toLowerCase() })).body).toMatchObject({
    state: "enrolled",
  });
  expect((await agent.enrol()).state).toBe("enrolled");
  const other = new FakeAgent(harness, 2);
  await other.enrol();
  await api.send("POST", "/agents/approve", { who: "pc-525400000002" });
  expect((await other.enrol()).state).toBe("enrolled");
});

test("a token lets one agent in, once; whoever shows it again is told of", async () => {
  await api.send("PATCH", "/settings", { enrolment: "token" });
  const { token = "", id } = (await api.send<AgentToken>("POST", "/agent-tokens", {})).body;
  const agent = new FakeAgent(harness, 1);
  expect(await agent.enrol()).toMatchObject({ state: "refused", reason: "token-missing" });
  expect(await agent.enrol({ token: "x".repeat(20) })).toMatchObject({ state: "refused", reason: "token-wrong" });
  expect(await agentsIn("waiting")).toEqual([]);
  expect((await agent.enrol({ token })).state).toBe("enrolled");
  expect((await agent.enrol({ token })).state).toBe("enrolled");
  const thief = new FakeAgent(harness, 2);
  expect(await thief.enrol({ token })).toMatchObject({ state: "refused", reason: "token-wrong" });
  expect((await api.events("token.replayed"))[0]?.message).toContain(thief.address);
  const listed = await api.get<Page<AgentToken>>("/agent-tokens");
  expect(listed.body.items).toMatchObject([{ id, usedAt: expect.any(String) }]);
  const stored = await harness.db.selectFrom("agent_tokens").selectAll().execute();
  expect(JSON.stringify([listed.body, stored])).not.toContain(token);

  const late = (await api.send<AgentToken>("POST", "/agent-tokens", { lifeSeconds: 60 })).body.token ?? "";
  harness.clock.advance(60_000);
  expect(await thief.enrol({ token: late })).toMatchObject({ state: "refused", reason: "token-wrong" });
});

test("two live computers that say that they are one machine are told apart; both new: neither gets the task", async () => {
  await harness.control.images.add("a", imageOf(1));
  const one = new FakeAgent(harness, 1, 1);
  const two = new FakeAgent(harness, 1, 2);
  await one.enrol();
  const job = (await api.send<Job>("POST", "/jobs", { kind: "deploy", image: "a", to: ["52:54:00:00:00:01"] })).body;
  taskIn(await one.heartbeat());
  harness.clock.advance(5000);
  expect(await two.enrol()).toMatchObject({ state: "waiting", reason: "identity-check" });
  harness.clock.advance(5000);
  await one.heartbeat();
  harness.clock.advance(1000);
  const answer = await two.enrol();
  expect(answer).toMatchObject({ state: "refused", reason: "identity-clash" });
  expect((await one.post("/heartbeat", { state: "idle" })).status).toBe(403);
  expect((await api.get<Job>(`/jobs/${job.id}`)).body).toMatchObject({ state: "failed" });
  expect((await api.events("task.failed"))[0]?.data).toMatchObject({ error: "identity-clash" });
  expect((await api.machines()).total).toBe(1);
  expect((await api.send("POST", "/agents/approve", { who: "pc-525400000001" })).status).toBe(409);
  expect((await api.send("POST", "/agents/approve", { who: codeIn(answer) })).status).toBe(200);
  expect((await two.enrol()).state).toBe("enrolled");
  expect((await one.enrol()).state).toBe("refused");
});

test("who was there before is never evicted by a newcomer", async () => {
  const one = new FakeAgent(harness, 1, 1);
  const two = new FakeAgent(harness, 1, 2);
  await one.enrol();
  for (let count = 0; count < 10; count += 1) {
    harness.clock.advance(10_000);
    await one.heartbeat();
  }
  await two.enrol();
  harness.clock.advance(5000);
  await one.heartbeat();
  harness.clock.advance(1000);
  expect(await two.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
  expect((await one.post("/heartbeat", { state: "idle" })).status).toBe(200);
  expect(await two.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
});

test("a machine that was reset comes back with another key, once the agent of before is silent", async () => {
  const one = new FakeAgent(harness, 1, 1);
  const two = new FakeAgent(harness, 1, 2);
  await one.enrol();
  harness.clock.advance(20_000);
  expect(await two.enrol()).toMatchObject({ state: "waiting", reason: "identity-check" });
  harness.clock.advance(11_000);
  expect((await two.enrol()).state).toBe("enrolled");
  expect(await agentsIn("replaced")).toMatchObject([{ fingerprint: one.fingerprint }]);
  // One that says goodbye gives way at once.
  await two.heartbeat({ state: "leaving" });
  expect((await one.enrol()).state).toBe("enrolled");
});

test("agents and who is turned away survive a restart", async () => {
  const one = new FakeAgent(harness, 1);
  const two = new FakeAgent(harness, 2);
  await one.enrol();
  await two.enrol();
  const [first] = (await agentsIn("enrolled")).filter((agent) => agent.fingerprint === two.fingerprint);
  expect((await api.send("POST", `/agents/${first?.id}/revoke`)).status).toBe(200);
  await harness.control.close();
  harness = await openHarness({ db: harness.db, clock: harness.clock });
  expect((await new FakeAgent(harness, 1).post("/heartbeat", { state: "idle" })).status).toBe(200);
  expect((await new FakeAgent(harness, 2).post("/heartbeat", { state: "idle" })).status).toBe(403);
  expect(await new FakeAgent(harness, 2).enrol()).toMatchObject({ state: "refused", reason: "revoked" });
});

test("an agent reads images, signatures and manifests, and joins swarms of images that there are", async () => {
  await harness.control.images.add("a", imageOf(1));
  const peer = new FakeAgent(harness, 1);
  expect(await peer.enrol({ role: "peer" })).not.toHaveProperty("machineId");
  expect((await api.machines()).total).toBe(0);
  const image = (await (await peer.get("/images/a:1")).json()) as AgentImage;
  expect(image).toMatchObject({ name: "a", version: 1, signature: "07".repeat(64), sizeBytes: 131_072 });
  const bytes = new Uint8Array(await (await peer.get(`/manifests/${image.manifestId}`)).arrayBuffer());
  expect(sha256(bytes)).toBe(image.manifestId);
  expect((await peer.get(`/manifests/${"0".repeat(64)}`)).status).toBe(404);
  expect((await peer.get("/images/none")).status).toBe(404);
  const join = { port: 9000, hosts: [], heldPieces: 0, isComplete: false };
  expect((await peer.post(`/swarms/${image.manifestId}/join`, join)).body).toMatchObject({ state: "joined" });
  expect((await peer.post(`/swarms/${"0".repeat(64)}/join`, join)).status).toBe(404);
  expect((await peer.post(`/swarms/${image.manifestId}/join`, { ...join, heldPieces: 1e12 })).status).toBe(400);
  expect((await peer.post("/tasks/1-m/report", { state: "filling", progress: {} })).status).toBe(400);
  expect((await peer.post("/heartbeat", { state: "idle" })).body).toMatchObject({ intervalSeconds: 10 });
});
