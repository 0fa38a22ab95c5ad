import type { Agent, EnrolAnswer, Job, Page } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeAgent, progressOf, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

const NAME = "pc-525400000001";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await harness.control.images.add("a", imageOf(1));
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

const boot = (): Promise<string> => scriptFor(harness.boot, "mac=525400000001");
const deploy = async (): Promise<Job> =>
  (await api.send<Job>("POST", "/jobs", { kind: "deploy", image: "a", to: [NAME] })).body;
const ram = (key: number): FakeAgent => new FakeAgent(harness, 1, key);

/** The machine is let in for the first time by its operator, who reads the code on its screen. */
async function approved(key: number): Promise<FakeAgent> {
  await api.send("PATCH", "/settings", { enrolment: "approve" });
  const agent = ram(key);
  const answer = await agent.enrol();
  if (answer.state === "enrolled" || answer.code === undefined) throw new Error("nobody was asked");
  await api.send("POST", "/agents/approve", { who: answer.code });
  expect((await agent.enrol()).state).toBe("enrolled");
  return agent;
}

const waits: Partial<EnrolAnswer> = { state: "waiting", reason: "approval" };

test("an approval holds for the boots that a job causes: one new key for each", async () => {
  await (await approved(1)).heartbeat({ state: "leaving" });
  await deploy();
  harness.clock.advance(60_000);
  // It was not sent the agent's system: somebody else may have its facts.
  expect(await ram(2).enrol()).toMatchObject(waits);
  await boot();
  const agent = ram(3);
  expect((await agent.enrol()).state).toBe("enrolled");
  expect(taskIn(await agent.heartbeat())).toMatchObject({ kind: "deploy" });
  // The key is its own now, and there is none for anybody else.
  expect((await agent.enrol()).state).toBe("enrolled");
  expect(await ram(4).enrol()).toMatchObject(waits);
});

test("it does not hold without a job, after ten minutes, for other hardware, for ever, or against an operator's word", async () => {
  const first = await approved(1);
  await first.heartbeat({ state: "leaving" });
  await boot();
  expect(await ram(2).enrol()).toMatchObject(waits);
  await deploy();
  await boot();
  harness.clock.advance(11 * 60_000);
  expect(await ram(3).enrol()).toMatchObject(waits);
  await boot();
  const other = ram(4);
  const inventory = { ...other.inventory, serial: "SN-other" };
  const { body } = await other.post<EnrolAnswer>("/enrol", { role: "machine", inventory });
  expect(body).toMatchObject(waits);
  await harness.db.updateTable("machine_approvals").set({ approved_at: "2026-08-20T08:00:00.000Z" }).execute();
  await boot();
  expect(await ram(5).enrol()).toMatchObject(waits);
});

test("whoever is turned away takes its machine's approval along", async () => {
  await approved(1);
  const [agent] = (await api.get<Page<Agent>>("/agents?state=enrolled")).body.items;
  await api.send("POST", `/agents/${agent?.id}/revoke`);
  await deploy();
  await boot();
  expect(await ram(2).enrol()).toMatchObject(waits);
});

test("an approval survives a restart of the server, and a token is as good as one", async () => {
  await api.send("PATCH", "/settings", { enrolment: "token" });
  const { token } = (await api.send<{ token: string }>("POST", "/agent-tokens", {})).body;
  const installed = new FakeAgent(harness, 1, 1, "installed");
  expect((await installed.enrol({ token })).state).toBe("enrolled");
  await deploy();
  await installed.heartbeat({ mayRestart: true });
  await installed.heartbeat({ state: "leaving" });
  await harness.control.close();
  harness = await openHarness({ db: harness.db, clock: harness.clock, library: harness.library });
  api = new ApiClient(harness.api);
  await boot();
  // The agent in memory has no token, and nowhere to keep one.
  const agent = ram(2);
  expect((await agent.enrol()).state).toBe("enrolled");
  await agent.heartbeat({ state: "leaving" });
  // The machine's own system comes back with the key that it had.
  expect((await new FakeAgent(harness, 1, 1, "installed").enrol()).state).toBe("enrolled");
  // A token that was used lets nobody else in.
  const stranger = new FakeAgent(harness, 2, 7);
  expect(await stranger.enrol({ token })).toMatchObject({ state: "refused", reason: "token-wrong" });
});

test("after a power cut the machine goes on at once: the server saw it start, and does not wait for its agent of before", async () => {
  const before = ram(1);
  await before.enrol();
  await deploy();
  await boot();
  const { taskId } = taskIn(await before.heartbeat());
  await before.report(taskId, { state: "filling", progress: progressOf(500) });
  harness.clock.advance(3000);
  await boot();
  harness.clock.advance(8000);
  const after = ram(2);
  expect((await after.enrol()).state).toBe("enrolled");
  expect(taskIn(await after.heartbeat()).taskId).toBe(taskId);
  expect((await before.post("/heartbeat", { state: "idle" })).status).toBe(403);
});

test("one that is heard after the machine started is not gone: somebody has to decide", async () => {
  const before = ram(1);
  await before.enrol();
  harness.clock.advance(120_000);
  await boot();
  harness.clock.advance(5000);
  await before.heartbeat();
  const after = ram(2);
  expect(await after.enrol()).toMatchObject({ state: "waiting", reason: "identity-check" });
  harness.clock.advance(5000);
  await before.heartbeat();
  expect(await after.enrol()).toMatchObject({ state: "refused", reason: "identity-clash" });
});
