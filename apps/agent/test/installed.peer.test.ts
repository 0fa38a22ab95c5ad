import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CreateJob, IngotEvent, Page, Task } from "@ingot/api";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Inventory } from "../src/inventory/inventory.ts";
import { runAgent } from "../src/loop/run-agent.ts";
import { type Programs, systemPrograms } from "../src/system/programs.ts";
import { RootedFiles } from "../src/system/system-files.ts";
import { inventoryWith } from "./inventory-with.ts";
import { startServer, type TestServer } from "./server-process.ts";

const MIB = 2 ** 20;
const MAC = "52:54:00:0b:00:01";
const NAME = "pc-5254000b0001";

let server: TestServer;
let disk: string;
const stops: AbortController[] = [];
const agents: Promise<void>[] = [];
/** What writes to the machine's disk. */
let writers: readonly string[] = [];
/** What the machine was told to do to itself. */
const commands: string[] = [];

const programs: Programs = {
  run(program, args, options) {
    const answers: Readonly<Record<string, string>> = { who: "anna  tty2  2026-11-22 08:00\n", shutdown: "", sync: "" };
    const stdout = answers[program];
    if (stdout === undefined) return systemPrograms.run(program, args, options);
    commands.push([program, ...args].join(" "));
    return Promise.resolve({ status: 0, stdout, stderr: "" });
  },
};

const found = (): Inventory => inventoryWith(MAC, disk, { usedBy: writers, writtenBy: writers });

/** An agent on this machine: in its own system, or in memory. */
function start(system: "installed" | "ram"): void {
  const stop = new AbortController();
  stops.push(stop);
  const where = { server: server.url, pin: server.pin, state: `${disk}-${system}` };
  const surroundings = { files: new RootedFiles(server.folder), programs, inventory: async () => found() };
  const options = system === "ram" ? { ...where, ram: true as const } : { ...where, power: true as const };
  agents.push(runAgent(options, surroundings, stop.signal));
}

async function call<T>(path: string, body?: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  const init = body === undefined ? {} : { method: "POST", headers, body: JSON.stringify(body) };
  const response = await fetch(`${server.api}${path}`, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const make = async (wish: CreateJob): Promise<string> => (await call<{ id: string }>("/api/v1/jobs", wish)).id;

/** Waits until a job's task is as wanted. */
async function task(id: string, isWanted: (task: Task) => boolean): Promise<Task> {
  for (;;) {
    const [found] = (await call<Page<Task>>(`/api/v1/jobs/${id}/tasks`)).items;
    if (found !== undefined && isWanted(found)) return found;
    await sleep(200);
  }
}

const isOver = ({ state }: Task): boolean => state === "done" || state === "failed";

beforeAll(async () => {
  server = await startServer();
  disk = join(server.folder, "disk");
  writeFileSync(disk, "what the machine's own system holds");
  truncateSync(disk, 8 * MIB);
  start("installed");
  while (!(await call<Page<{ name: string }>>("/api/v1/machines")).items.some(({ name }) => name === NAME))
    await sleep(100);
});

afterAll(async () => {
  for (const stop of stops) stop.abort(new DOMException("over", "AbortError"));
  await Promise.allSettled(agents);
  await server[Symbol.asyncDispose]();
});

test("a disk that is written to is not captured beside the system, a quiet one is, and then it is verified there", async () => {
  writers = ["/"];
  const refused = await task(await make({ kind: "capture", image: "golden", to: [NAME] }), isOver);
  expect(refused).toMatchObject({ state: "failed", error: { code: "disk-in-use" } });
  expect(refused.reason).toContain("sdz is being written to (/)");
  writers = [];
  expect(await task(await make({ kind: "capture", image: "golden", to: [NAME] }), isOver)).toMatchObject({
    state: "done",
    reason: "it became golden:1",
  });
  expect(await task(await make({ kind: "verify", image: "golden", to: [NAME] }), isOver)).toMatchObject({
    state: "done",
  });
  expect(commands).toEqual([]);
});

test("a deployment restarts the machine, whose user is told why, and goes on when the agent in memory is there", async () => {
  const id = await make({
    kind: "deploy",
    image: "golden",
    to: [NAME],
    after: "stay",
    hostName: false,
    skipChecks: ["firmware-mode"],
  });
  await task(id, ({ reason }) => reason.includes("was asked to restart"));
  while (commands.length < 3) await sleep(100);
  expect(commands).toEqual([
    "who",
    "sync",
    "shutdown -r +1 Ingot restarts this machine: job 4 (deploy golden:1) needs the machine",
  ]);
  const { items } = await call<Page<IngotEvent>>("/api/v1/events?limit=1000");
  expect(items.filter(({ kind }) => kind === "machine.restarted")).toHaveLength(1);
  start("ram");
  const done = await task(id, isOver);
  expect(done.reason).toBe("golden:1 is on its disk");
});
