import type { IngotEvent, Job, Page, Task } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { WakeCall } from "../src/index.ts";
import { FakeAgent, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

let harness: Harness;
let api: ApiClient;
let woken: WakeCall[];
let wakeFailure: Error | undefined;

beforeEach(async () => {
  woken = [];
  wakeFailure = undefined;
  harness = await openHarness({
    wake: (call) => {
      woken.push(call);
      return wakeFailure === undefined ? Promise.resolve() : Promise.reject(wakeFailure);
    },
  });
  api = new ApiClient(harness.api);
  await harness.control.images.add("a", imageOf(1));
});

afterEach(async () => {
  await harness.control.close();
  await harness.db.destroy();
  expect(harness.failures).toEqual([]);
});

/** A machine whose own system has an agent; `key` is its, the agent in memory makes another one. */
async function installed(number = 1): Promise<FakeAgent> {
  const agent = new FakeAgent(harness, number, number, "installed");
  expect((await agent.enrol()).state).toBe("enrolled");
  return agent;
}

const nameOf = (number: number): string => `pc-52540000000${number}`;
const create = async (body: object): Promise<Job> => (await api.send<Job>("POST", "/jobs", body)).body;
const taskOf = async ({ id }: Job): Promise<Task> => {
  const [task] = (await api.get<Page<Task>>(`/jobs/${id}/tasks`)).body.items;
  if (task === undefined) throw new Error("no task");
  return task;
};
const events = (kind: IngotEvent["kind"]): Promise<IngotEvent[]> => api.events(kind);
/** Lets so many seconds pass as the server sees them. */
async function pass(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    harness.clock.advance(1000);
    await harness.control.jobs.idle();
  }
}

test("a capture is done beside the machine's own system, which is left running", async () => {
  const agent = await installed();
  const job = await create({ kind: "capture", image: "golden", to: [nameOf(1)] });
  expect(taskIn(await agent.heartbeat())).toMatchObject({ kind: "capture", after: "stay" });
  const [line] = (await agent.capture((await taskOf(job)).id, imageOf(3))).slice(-1);
  expect(line).toMatchObject({ type: "result" });
  expect(await taskOf(job)).toMatchObject({ state: "done" });
  // What it starts next is not the task's business.
  await api.send("PATCH", `/machines/${nameOf(1)}`, { plan: "menu" });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("menu");
});

test("a deployment restarts the machine's own system into the agent's, and says so", async () => {
  const agent = await installed();
  const job = await create({ kind: "deploy", image: "a", to: [nameOf(1)] });
  const answer = await agent.heartbeat({ mayRestart: true });
  expect(answer).toMatchObject({ restart: { jobId: job.id, reason: "job 1 (deploy a:1) needs the machine" } });
  expect(answer).not.toHaveProperty("task");
  await pass(1);
  expect((await taskOf(job)).reason).toBe("its machine's own system was asked to restart into the agent's");
  expect(await events("machine.restarted")).toMatchObject([
    { message: "job 1 (deploy a:1): pc-525400000001 runs its own system and is restarted into the agent's" },
  ]);
  await agent.heartbeat({ state: "leaving" });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("for clone");
  const ram = new FakeAgent(harness, 1, 9);
  expect((await ram.enrol()).state).toBe("enrolled");
  expect(taskIn(await ram.heartbeat())).toMatchObject({ kind: "deploy", after: "reboot" });
});

test("a machine that comes back with its own system is not restarted again", async () => {
  const agent = await installed();
  const job = await create({ kind: "wipe", to: [nameOf(1)] });
  expect(await agent.heartbeat({ mayRestart: true })).toHaveProperty("restart");
  // The answer may have been lost: it is told again, but not at every heartbeat.
  expect(await agent.heartbeat({ mayRestart: true })).not.toHaveProperty("restart");
  harness.clock.advance(61_000);
  expect(await agent.heartbeat({ mayRestart: true })).toHaveProperty("restart");
  await agent.heartbeat({ state: "leaving" });
  await agent.enrol();
  expect(await agent.heartbeat({ mayRestart: true })).not.toHaveProperty("restart");
  await pass(1);
  expect((await taskOf(job)).reason).toContain("came back with its own system");
});

test("no machine is restarted that does not allow it, or whose job was told not to, or whose turn has not come", async () => {
  const agent = await installed();
  const job = await create({ kind: "deploy", image: "a", to: [nameOf(1)] });
  expect(await agent.heartbeat()).not.toHaveProperty("restart");
  await pass(1);
  expect((await taskOf(job)).reason).toContain("not allowed to restart it (--power)");
  await api.send("POST", `/jobs/${job.id}/cancel`);
  const gentle = await create({ kind: "deploy", image: "a", to: [nameOf(1)], restart: false });
  expect(await agent.heartbeat({ mayRestart: true })).not.toHaveProperty("restart");
  await pass(1);
  expect((await taskOf(gentle)).reason).toContain("the job was told not to restart it");
  await api.send("POST", `/jobs/${gentle.id}/cancel`);
  await create({ kind: "deploy", image: "a", to: [nameOf(1)], at: "2030-01-01T00:00:00.000Z" });
  expect(await agent.heartbeat({ mayRestart: true })).not.toHaveProperty("restart");
});

test("a machine that starts its own system in the middle of a deployment gives its slot back", async () => {
  const agent = await installed();
  const job = await create({ kind: "deploy", image: "a", to: [nameOf(1)] });
  await agent.heartbeat({ mayRestart: true });
  await agent.heartbeat({ state: "leaving" });
  const ram = new FakeAgent(harness, 1, 9);
  await ram.enrol();
  const { taskId } = taskIn(await ram.heartbeat());
  await ram.report(taskId, { state: "filling" });
  await ram.heartbeat({ state: "leaving" });
  await agent.enrol();
  expect(await agent.heartbeat({ mayRestart: true })).not.toHaveProperty("task");
  expect((await taskOf(job)).state).not.toBe("filling");
});

test("machines that are off are switched on when their turn comes, some times and no more", async () => {
  await api.send("POST", "/machines", { name: "pc-1", macs: ["52:54:00:00:00:01", "52:54:00:00:00:0a"] });
  const job = await create({ kind: "deploy", image: "a", to: ["pc-1"] });
  await pass(1);
  expect(woken).toMatchObject([{ macs: ["52:54:00:00:00:01", "52:54:00:00:00:0a"], address: undefined }]);
  await pass(1);
  expect(await taskOf(job)).toMatchObject({
    state: "booting",
    reason: "its machine was sent a wake-up call; it begins when the machine starts from the network",
  });
  await pass(400);
  expect(woken).toHaveLength(4);
  expect((await taskOf(job)).reason).toContain("4 wake-up calls");
  expect(await events("machine.woken")).toHaveLength(1);
});

test("nobody is woken who is there, or in whose job that is switched off, and a call that cannot be sent is told of", async () => {
  const agent = await installed(1);
  await agent.heartbeat();
  await api.send("POST", "/machines", { name: "pc-2", macs: ["52:54:00:00:00:02"] });
  await create({ kind: "deploy", image: "a", to: [nameOf(1)], restart: false });
  const quiet = await create({ kind: "deploy", image: "a", to: ["pc-2"], wake: false });
  await pass(5);
  expect(woken).toEqual([]);
  await api.send("POST", `/jobs/${quiet.id}/cancel`);
  wakeFailure = new Error("the network is down");
  const loud = await create({ kind: "deploy", image: "a", to: ["pc-2"] });
  await pass(2);
  expect((await taskOf(loud)).reason).toContain("could not be woken: the network is down");
  expect(await events("machine.woken")).toEqual([]);
});

test("a thousand machines are switched on one after the other", async () => {
  await api.send("PUT", "/groups/room", {});
  for (let number = 16; number < 66; number += 1)
    await api.send("POST", "/machines", { macs: [`52:54:00:00:00:${number}`], group: "room" });
  await create({ kind: "deploy", image: "a", to: ["room"] });
  await pass(1);
  expect(woken).toHaveLength(25);
  await pass(1);
  expect(woken).toHaveLength(50);
});
