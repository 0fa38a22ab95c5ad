import type { AgentInventory, Job, Task } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeAgent, progressOf, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness } from "./harness.ts";

let harness: Harness;
let api: ApiClient;

beforeEach(async () => {
  harness = await openHarness();
  api = new ApiClient(harness.api);
  await harness.control.images.add("a", imageOf(1));
  await api.send("PUT", "/groups/room", {});
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

/** Machines with links of so many Mbit/s, in the group `room`. */
async function machines(...links: readonly (number | undefined)[]): Promise<readonly FakeAgent[]> {
  const agents: FakeAgent[] = [];
  for (const [index, megabitsPerSecond] of links.entries()) {
    const agent = new FakeAgent(harness, index + 1);
    const { nics } = agent.inventory;
    const inventory: AgentInventory = { ...agent.inventory, nics: nics.map((nic) => ({ ...nic, megabitsPerSecond })) };
    await agent.post("/enrol", { role: "machine", inventory });
    await api.send("PATCH", `/machines/pc-52540000000${index + 1}`, { group: "room", name: `pc-${index + 1}` });
    agents.push(agent);
  }
  return agents;
}

const deploy = async (more: object = {}): Promise<string> =>
  (await api.send<Job>("POST", "/jobs", { kind: "deploy", image: "a", to: ["room"], ...more })).body.id;
const jobOf = async (id: string): Promise<Job> => (await api.get<Job>(`/jobs/${id}`)).body;

/** An agent is filled at this rate for a minute. */
async function fill(agent: FakeAgent, bytesPerSecond: number): Promise<Task["id"]> {
  const { taskId } = taskIn(await agent.heartbeat());
  for (let second = 0; second <= 60; second += 10) {
    await agent.report(taskId, { state: "filling", progress: progressOf(1, 1000, { bytesPerSecond }) });
    harness.clock.advance(10_000);
  }
  return taskId;
}

test("a machine that is filled with less than 10 MB/s for half a minute is told of, once, and the job shows it", async () => {
  const [slow, quick] = await machines(1000, undefined);
  const id = await deploy();
  if (slow === undefined || quick === undefined) throw new Error("two machines");
  await fill(slow, 9_000_000);
  await fill(quick, 11_000_000);
  const message = "pc-1 gets 9.0 MB/s, less than 10.0 MB/s for 30 s";
  expect((await jobOf(id)).alerts).toMatchObject([{ kind: "slow", message }]);
  expect(await api.events("task.slow")).toMatchObject([{ message: `job 1 (deploy a:1): ${message}` }]);
});

test("a link that cannot bring more, a job that allows no more, and operators who want to know less, are no alert", async () => {
  const [modem, limited] = await machines(100, 1000);
  if (modem === undefined || limited === undefined) throw new Error("two machines");
  const first = await deploy({ downloadBytesPerSecond: 4_000_000 });
  await fill(limited, 3_700_000);
  expect((await jobOf(first)).alerts).toEqual([]);
  await api.send("POST", `/jobs/${first}/cancel`);
  const second = await deploy();
  await fill(modem, 6_000_000);
  expect((await jobOf(second)).alerts).toEqual([]);
  await api.send("PATCH", "/settings", { alertBelowBytesPerSecond: 1_000_000 });
  await fill(limited, 2_000_000);
  expect((await jobOf(second)).alerts).toEqual([]);
  await fill(modem, 500_000);
  expect((await jobOf(second)).alerts).toMatchObject([{ kind: "slow" }]);
});

test("a job of which more than the set share failed is told of, and still shows it when it is over", async () => {
  const agents = await machines(1000, 1000, 1000);
  await api.send("PATCH", "/settings", { alertFailedPercent: 40 });
  const id = await deploy();
  const error = { code: "disk-write", message: "sector 1" } as const;
  for (const [index, agent] of agents.entries()) {
    const { taskId } = taskIn(await agent.heartbeat());
    await agent.report(taskId, index === 0 ? { state: "done" } : { state: "failed", error });
    expect((await jobOf(id)).alerts).toHaveLength(index < 2 ? 0 : 1);
  }
  expect(await jobOf(id)).toMatchObject({
    state: "failed",
    alerts: [{ kind: "failed", message: "2 of 3 machines failed, 3 are through" }],
  });
  expect(await api.events("job.alert")).toHaveLength(1);
});

test("what tasks do is counted: bytes by source, errors, retries, how they end and how long they take", async () => {
  const [agent] = await machines(1000);
  if (agent === undefined) throw new Error("one machine");
  await deploy();
  const { taskId } = taskIn(await agent.heartbeat());
  const { meter } = harness.control.jobs;
  expect(meter.read()).toMatchObject({ openJobs: 1, tasksByState: { preparing: 1 } });
  await agent.report(taskId, { state: "filling", progress: progressOf(400, 1000, { hashesVerified: 4, errors: 1 }) });
  harness.clock.advance(5000);
  const progress = progressOf(1000, 1000, { hashesVerified: 10, errors: 1, retries: 2 });
  await agent.report(taskId, { state: "filling", progress });
  await agent.report(taskId, { state: "done", progress });
  expect(meter.read()).toMatchObject({
    openJobs: 0,
    finished: [{ kind: "deploy", state: "done", count: 1 }],
    secondsByKind: new Map([["deploy", 5]]),
    bytes: { seed: 0, peers: 1000, multicast: 0, local: 0 },
    hashesVerified: 10,
    errors: 1,
    retries: 2,
  });
});
