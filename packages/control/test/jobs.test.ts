import type { Job, Page, Task } from "@ingot/api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FakeAgent, progressOf, taskIn } from "./fake-agent.ts";
import { ApiClient, type Harness, imageOf, openHarness, scriptFor } from "./harness.ts";

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

/** Two agents; the machines of the first `count` are pc-1 and pc-2 in the group `room`, and let in. */
async function room(count: 1 | 2): Promise<readonly [FakeAgent, FakeAgent]> {
  await api.send("PUT", "/groups/room", {});
  const agents = [new FakeAgent(harness, 1), new FakeAgent(harness, 2)] as const;
  for (const [index, agent] of agents.slice(0, count).entries()) {
    const macs = agent.inventory.nics.map((nic) => nic.mac);
    await api.send("POST", "/machines", { name: `pc-${index + 1}`, macs, group: "room" });
    expect((await agent.enrol()).state).toBe("enrolled");
  }
  return agents;
}

const create = async (body: object): Promise<Job> => {
  const answer = await api.send<Job>("POST", "/jobs", body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
};
const jobOf = async (id: string): Promise<Job> => (await api.get<Job>(`/jobs/${id}`)).body;
const tasksOf = async (id: string): Promise<readonly Task[]> =>
  (await api.get<Page<Task>>(`/jobs/${id}/tasks`)).body.items;
const at = <Item>(items: readonly Item[], index: number): Item => {
  const item = items[index];
  if (item === undefined) throw new Error(`nothing at ${index}`);
  return item;
};

test("a machine is deployed: it boots the agent, does its task, and boots from its disk once", async () => {
  const [agent] = await room(1);
  await harness.control.images.add("a", imageOf(2));
  await api.send("PATCH", "/machines/pc-1", { plan: "menu" });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("menu");
  const job = await create({
    kind: "deploy",
    image: "a:1",
    to: ["pc-1"],
    disk: "nvme,largest",
    downloadBytesPerSecond: 5_000_000,
    files: [{ path: "/etc/motd", template: "${name} at ${mac} ${unknown}" }],
  });
  expect(job).toMatchObject({ state: "running", image: { name: "a", version: 1 }, counts: { booting: 1 } });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("starts the agent's system for clone");

  expect((await api.send("DELETE", "/images/a:1")).body).toMatchObject({
    error: { code: "inUse", details: { usedBy: ["job 1"] } },
  });
  const task = taskIn(await agent.heartbeat());
  expect(task).toMatchObject({
    kind: "deploy",
    taskId: `${job.id}-${at(await tasksOf(job.id), 0).machine}`,
    disk: { transport: "nvme", choose: "largest" },
    hostName: "pc-1",
    rates: { downloadBytesPerSecond: 5_000_000 },
    finish: { bootEntry: true, files: [{ path: "/etc/motd", content: "pc-1 at 52:54:00:00:00:01 ${unknown}" }] },
  });
  // An agent that says nothing of the task has not heard of it: it is given again.
  expect(taskIn(await agent.heartbeat()).taskId).toBe(task.taskId);
  expect(await agent.heartbeat({ taskId: task.taskId })).not.toHaveProperty("task");
  expect(await agent.report(task.taskId, { state: "filling", progress: progressOf(400), note: "nvme0n1" })).toEqual({});
  expect(at(await tasksOf(job.id), 0)).toMatchObject({
    state: "filling",
    note: "nvme0n1",
    progress: { doneBytes: 400 },
  });
  // A power cut: the machine comes back and goes on.
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("for clone");
  await agent.report(task.taskId, { state: "finishing", progress: progressOf(1000) });
  await agent.report(task.taskId, { state: "done", progress: progressOf(1000) });
  // The answer may have been lost.
  expect(await agent.report(task.taskId, { state: "done", progress: progressOf(1000) })).toEqual({});
  expect(await jobOf(job.id)).toMatchObject({
    state: "done",
    reason: "its machine is done",
    progress: { doneBytes: 1000 },
  });
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("boots from its local disk");
  expect(await scriptFor(harness.boot, "mac=525400000001")).toContain("menu");

  const verify = await create({ kind: "verify", to: ["pc-1"], repair: true });
  expect(taskIn(await agent.heartbeat())).toMatchObject({
    kind: "verify",
    repair: true,
    image: { name: "a", version: 1 },
  });
  expect((await api.send("POST", `/jobs/${verify.id}/cancel`)).status).toBe(200);
});

test("a job with seeds to fill lets nobody begin before they are, and says who they are", async () => {
  const [agent] = await room(1);
  const job = await create({ kind: "deploy", image: "a", to: ["pc-1"], preload: 20 });
  expect(job).toMatchObject({ preload: 20, counts: { waiting: 1 } });
  const { seeds } = harness.control.jobs;
  expect(seeds.preloads).toMatchObject([{ jobId: 1, image: { name: "a", version: 1 }, percent: 20, waits: true }]);
  expect(await seeds.sitesOf(1)).toEqual(new Set([""]));
  expect((await api.get<{ items: unknown[] }>("/jobs/1/seeds")).body.items).toEqual([]);
  await seeds.hold(1, "two seeds are filled");
  expect((await agent.heartbeat()).task).toBeUndefined();
  expect(at(await tasksOf("1"), 0)).toMatchObject({ state: "waiting", reason: "two seeds are filled" });

  await seeds.letBegin(1, "two seeds hold the first 20 %");
  expect(await api.events("job.preloaded")).toMatchObject([
    { message: "job 1 (deploy a:1): two seeds hold the first 20 %" },
  ]);
  expect(taskIn(await agent.heartbeat())).toMatchObject({ kind: "deploy" });
  expect(seeds.preloads).toMatchObject([{ waits: false }]);
});

test("a failed task is shown as failed, with its reason, until it is retried", async () => {
  const [one, two] = await room(2);
  const job = await create({ kind: "deploy", image: "a", to: ["room"] });
  const first = taskIn(await one.heartbeat());
  const second = taskIn(await two.heartbeat());
  const error = { code: "disk-write", message: "sector 4096 cannot be written", sector: 4096, smart: "failing" };
  await one.report(first.taskId, { state: "failed", error: error as never });
  await two.report(second.taskId, { state: "done" });
  expect(await jobOf(job.id)).toMatchObject({ state: "failed", reason: "1 of 2 machines are done, 1 failed" });
  expect(at(await tasksOf(job.id), 0)).toMatchObject({ state: "failed", reason: error.message, error });
  // Whatever it says afterwards, it has failed.
  expect(await one.report(first.taskId, { state: "done" })).toEqual({
    stop: { taskId: first.taskId, reason: "cancelled" },
  });
  expect(at(await tasksOf(job.id), 0).state).toBe("failed");
  expect((await api.events("job.alert"))[0]?.message).toContain("1 of 2 machines failed");

  expect((await api.send<Job>("POST", `/jobs/${job.id}/retry`)).body).toMatchObject({ state: "running" });
  expect(at(await tasksOf(job.id), 0)).toMatchObject({ state: "preparing", attempt: 2 });
  await one.report(first.taskId, { state: "done" });
  expect((await jobOf(job.id)).state).toBe("done");
  expect((await api.send("POST", `/jobs/${job.id}/retry`)).status).toBe(409);
});

test("a machine that falls silent loses its slot and gets it back; what it did meanwhile counts", async () => {
  await harness.control.close();
  harness = await openHarness({ db: harness.db, library: harness.library, slots: { swarm: 1 } });
  api = new ApiClient(harness.api);
  const [one, two] = await room(2);
  const job = await create({ kind: "deploy", image: "a", to: ["room"] });
  const task = taskIn(await one.heartbeat());
  expect(await two.heartbeat()).toMatchObject({ notice: "all 1 slots are taken", intervalSeconds: 3 });
  for (let seconds = 0; seconds < 30; seconds += 10) {
    harness.clock.advance(10_000);
    await harness.control.idle();
    await two.heartbeat();
  }
  const states = async (): Promise<string[]> => (await tasksOf(job.id)).map((entry) => entry.state);
  expect(await states()).toEqual(["waiting", "preparing"]);
  expect((await api.events("task.lost"))[0]?.message).toContain("pc-1");
  // It is back, but its slot is another's now.
  expect(await one.heartbeat({ taskId: task.taskId })).toMatchObject({
    stop: { taskId: task.taskId, reason: "lost" },
  });
  expect(await one.report(task.taskId, { state: "filling" })).toMatchObject({ stop: { reason: "lost" } });
  // What it finished before it heard that, it has finished.
  await one.report(task.taskId, { state: "done" });
  expect(await states()).toEqual(["done", "preparing"]);
});

test("a job survives the server", async () => {
  const [one] = await room(2);
  const job = await create({ kind: "deploy", image: "a", to: ["room"], waves: [50, 100] });
  const task = taskIn(await one.heartbeat());
  await one.report(task.taskId, { state: "filling", progress: progressOf(300) });
  await one.report(task.taskId, { state: "filling", progress: progressOf(700) });
  const before = await tasksOf(job.id);
  await harness.control.close();
  harness = await openHarness({ db: harness.db, library: harness.library, clock: harness.clock });
  api = new ApiClient(harness.api);
  expect(await tasksOf(job.id)).toEqual(before);
  const again = new FakeAgent(harness, 1);
  expect(await again.heartbeat({ taskId: task.taskId })).not.toHaveProperty("stop");
  expect(await again.report(task.taskId, { state: "done", progress: progressOf(1000) })).toEqual({});
  expect((await tasksOf(job.id)).map((entry) => entry.state)).toEqual(["done", "booting"]);
});

test("an operator pauses, resumes and cancels", async () => {
  const [one] = await room(1);
  const job = await create({ kind: "wipe", to: ["pc-1"] });
  const task = taskIn(await one.heartbeat());
  expect(task).toMatchObject({ kind: "wipe", method: "discard" });
  await one.report(task.taskId, { state: "filling" });
  expect((await api.send<Job>("POST", `/jobs/${job.id}/pause`)).body).toMatchObject({
    state: "paused",
    counts: { paused: 1 },
  });
  expect(await one.heartbeat({ taskId: task.taskId })).toMatchObject({
    stop: { taskId: task.taskId, reason: "paused" },
  });
  expect(await one.heartbeat()).toMatchObject({ notice: "the job is paused" });
  expect((await api.send("POST", `/jobs/${job.id}/pause`)).status).toBe(409);
  await api.send("POST", `/jobs/${job.id}/resume`);
  expect(taskIn(await one.heartbeat()).taskId).toBe(task.taskId);
  expect((await api.send<Job>("POST", `/jobs/${job.id}/cancel`)).body).toMatchObject({ state: "cancelled" });
  expect(await one.heartbeat({ taskId: task.taskId })).toMatchObject({ stop: { reason: "cancelled" } });
  expect(await one.heartbeat()).not.toHaveProperty("task");
  expect((await api.send("POST", `/jobs/${job.id}/cancel`)).status).toBe(409);
});

test("a job that stopped is over when those that were at it have finished", async () => {
  const [one, two] = await room(2);
  const job = await create({ kind: "deploy", image: "a", to: ["room"], stopIfFailed: 40 });
  const first = taskIn(await one.heartbeat());
  const second = taskIn(await two.heartbeat());
  await one.report(first.taskId, { state: "failed", error: { code: "disk-gone", message: "the disk is gone" } });
  expect(await jobOf(job.id)).toMatchObject({ state: "stopped" });
  expect(await jobOf(job.id)).not.toHaveProperty("finishedAt");
  expect(await two.heartbeat({ taskId: second.taskId })).not.toHaveProperty("stop");
  await two.report(second.taskId, { state: "done" });
  expect(await jobOf(job.id)).toMatchObject({
    state: "stopped",
    finishedAt: expect.any(String),
    counts: { done: 1, failed: 1 },
  });
  expect((await api.send<Job>("POST", `/jobs/${job.id}/retry`)).body).toMatchObject({ state: "running" });
});

test("a captured disk becomes a version, and only then is the task done", async () => {
  const [one, two] = await room(2);
  const job = await create({ kind: "capture", image: "golden", to: ["pc-1"] });
  const task = taskIn(await one.heartbeat());
  expect(task).toMatchObject({ kind: "capture", name: "golden" });
  await one.report(task.taskId, { state: "filling" });
  expect(await two.capture(task.taskId, imageOf(9))).toMatchObject([{ error: { code: "conflict" } }]);
  const lines = await one.capture(task.taskId, imageOf(9));
  expect(lines.at(-1)).toMatchObject({ type: "result", name: "golden", version: { version: 1 } });
  // Its machine hears of it a moment later, and has still to switch off.
  expect(await one.report(task.taskId, { state: "filling" })).toEqual({});
  expect((await one.heartbeat({ taskId: task.taskId })).stop).toBeUndefined();
  await one.report(task.taskId, { state: "done" });
  expect(await jobOf(job.id)).toMatchObject({ state: "done" });
  expect(at(await tasksOf(job.id), 0)).toMatchObject({ state: "done", image: { name: "golden", version: 1 } });

  const empty = await create({ kind: "capture", image: "golden", to: ["pc-1"] });
  const second = taskIn(await one.heartbeat());
  await one.report(second.taskId, { state: "done" });
  expect(await jobOf(empty.id)).toMatchObject({ state: "failed" });
});

test("the log of a job is a line for each state, and every ten seconds between", async () => {
  const [one] = await room(1);
  const job = await create({ kind: "deploy", image: "a", to: ["pc-1"] });
  const task = taskIn(await one.heartbeat());
  await one.report(task.taskId, { state: "filling", progress: progressOf(100) });
  for (let seconds = 1; seconds <= 24; seconds += 1) {
    await one.report(task.taskId, {
      state: "filling",
      progress: progressOf(100 + seconds, 1000, { retries: 2, bytesPerSecond: 5 }),
    });
    harness.clock.advance(1000);
    await harness.control.idle();
  }
  const error = { code: "damaged", message: '=1 place is "wrong", in partition 2', sector: 4096 } as const;
  await one.report(task.taskId, { state: "failed", progress: progressOf(130), error });
  const response = await harness.api.request(`/api/v1/jobs/${job.id}/log.csv`);
  expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
  const lines = (await response.text()).trimEnd().split("\r\n");
  expect(lines[0]).toBe(
    "time,machine,state,bytes,total,rate,from_seed,from_peers,from_multicast,from_disk,hashes_verified,retries,errors,error,sector,detail",
  );
  const columns = lines.slice(1).map((line) => line.split(","));
  expect(columns.map(([, , state]) => state)).toEqual([
    "booting",
    "preparing",
    "filling",
    "filling",
    "filling",
    "filling",
    "failed",
  ]);
  expect(columns.at(-1)?.slice(1)).toEqual([
    "pc-1",
    "failed",
    "130",
    "1000",
    "0",
    "0",
    "130",
    "0",
    "0",
    "0",
    "0",
    "0",
    "damaged",
    "4096",
    `"'=1 place is ""wrong""`,
    ' in partition 2"',
  ]);
});

test("somebody is told, once, of a machine that gets less than 10 MB/s", async () => {
  const [one] = await room(1);
  await create({ kind: "deploy", image: "a", to: ["pc-1"] });
  const task = taskIn(await one.heartbeat());
  await one.report(task.taskId, { state: "filling", progress: progressOf(1, 1000, { bytesPerSecond: 9_000_000 }) });
  for (let count = 0; count < 8; count += 1) {
    await one.heartbeat({ taskId: task.taskId, progress: progressOf(count, 1000, { bytesPerSecond: 9_000_000 }) });
    harness.clock.advance(9000);
  }
  const told = await api.events("task.slow");
  expect(told.map((event) => event.message)).toEqual([
    "job 1 (deploy a:1): pc-1 gets 9.0 MB/s, less than 10.0 MB/s for 30 s",
  ]);
});

test("a machine that is taken out of the inventory ends its task", async () => {
  await room(1);
  const job = await create({ kind: "deploy", image: "a", to: ["pc-1"] });
  expect((await api.send("DELETE", "/machines/pc-1")).status).toBe(204);
  expect(await jobOf(job.id)).toMatchObject({ state: "failed" });
  expect(at(await tasksOf(job.id), 0)).toMatchObject({ machineName: "pc-1", error: { code: "machine-removed" } });
  expect((await api.send("POST", `/jobs/${job.id}/retry`)).status).toBe(409);
});

test.each([
  ["an unknown machine", { kind: "wipe", to: ["nobody"] }, 404],
  ["an unknown image", { kind: "deploy", image: "none", to: ["room"] }, 404],
  ["an empty group", { kind: "wipe", to: ["empty"] }, 400],
  ["two machines for a capture", { kind: "capture", image: "b", to: ["room"] }, 400],
  ["a disk by the kernel's name", { kind: "wipe", to: ["room"], disk: "/dev/sda" }, 400],
  ["waves that do not end with all", { kind: "wipe", to: ["room"], waves: [10, 50] }, 400],
  ["a verification of what nobody deployed", { kind: "verify", to: ["room"] }, 409],
  ["a window without length", { kind: "wipe", to: ["room"], window: { from: "01:00", to: "01:00" } }, 400],
])("%s is refused", async (_what, body, status) => {
  await room(2);
  await api.send("PUT", "/groups/empty", {});
  expect((await api.send("POST", "/jobs", body)).status).toBe(status);
  expect((await api.get<Page<Job>>("/jobs")).body.total).toBe(0);
});
