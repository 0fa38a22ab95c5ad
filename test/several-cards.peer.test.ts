import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Lab, type LabProcess, type Namespace } from "@ingot/testkit/lab";
import { afterAll, beforeAll, expect, test } from "vitest";

const APPS = join(import.meta.dirname, "..", "apps");
const NODE = [process.execPath, "--disable-warning=ExperimentalWarning"] as const;
const MIB = 2 ** 20;
const IMAGE_BYTES = 48 * MIB;
const LINK_MBIT = 100;

/** A machine with a card in each of two networks. */
interface Machine {
  readonly namespace: Namespace;
  readonly addresses: readonly [string, string];
}

let lab: Lab;
/** One for each network. */
let switches: readonly Namespace[];
let folder: string;
let server: Machine;
let pin: string;
let content: Buffer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ingot-cards-"));
  lab = await Lab.open({ prefix: "ingcards" });
  switches = [await lab.addNamespace("first"), await lab.addNamespace("second")];
  for (const crossbar of switches) await crossbar.addBridge("br0");
  server = await addMachine("srv", 1);
  content = randomBytes(IMAGE_BYTES);
  writeFileSync(join(folder, "image"), content);
  const [program, ...options] = [...NODE, join(APPS, "server", "src", "main.ts")];
  const data = join(folder, "data");
  const add = ["image", "add", "room", join(folder, "image"), "--data", data];
  await server.namespace.run(program, [...options, ...add]);
  const doors = ["--agents", "0.0.0.0:8472", "--http", "127.0.0.1:8470", "--iscsi", "127.0.0.1:3260"];
  const serve = ["serve", "--data", data, ...doors, "--user", "root", "--json", "--log-level", "error"];
  const process = server.namespace.spawn(program, [...options, ...serve]);
  await process.waitForOutput('"event":"ready"', { timeoutMs: 60_000 });
  pin = readFileSync(join(data, "keys", "agents.pin"), "utf8").trim();
}, 120_000);

afterAll(async () => {
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Both of its links carry 100 Mbit/s each way. */
async function addMachine(name: string, host: number): Promise<Machine> {
  const namespace = await lab.addNamespace(name);
  const addresses = [`10.98.0.${host}`, `10.98.1.${host}`] as const;
  for (const [card, crossbar] of switches.entries()) {
    const address = `${addresses[card]}/24`;
    await lab.addCable({ namespace: crossbar, name, bridge: "br0" }, { namespace, name: `eth${card}`, address });
    const bucket = ["tbf", "rate", `${LINK_MBIT}mbit`, "burst", "128kb", "limit", "1mb"];
    await namespace.run("tc", ["qdisc", "add", "dev", `eth${card}`, "root", ...bucket]);
    await crossbar.run("tc", ["qdisc", "add", "dev", name, "root", ...bucket]);
  }
  return { namespace, addresses };
}

function pull(machine: Machine, name: string): LabProcess {
  const directory = join(folder, name);
  mkdirSync(directory);
  const [program, ...options] = [...NODE, join(APPS, "agent", "src", "main.ts")];
  const door = ["--server", `https://${server.addresses[0]}:8472`, "--pin", pin, "--state", join(directory, "state")];
  const addresses = machine.addresses.flatMap((address) => ["--address", address]);
  const arguments_ = ["pull", "room", "--to", join(directory, "image"), ...door, ...addresses];
  return machine.namespace.spawn(program, [...options, ...arguments_, "--method", "p2p", "--seed", "--json"]);
}

async function isComplete(process: LabProcess, name: string): Promise<void> {
  await process.waitForOutput('"seconds":', { timeoutMs: 120_000 });
  const sum = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
  expect(sum(readFileSync(join(folder, name, "image")))).toBe(sum(content));
}

/** Bytes that came in by each card. */
async function received({ namespace }: Machine): Promise<readonly [number, number]> {
  const count = async (card: string): Promise<number> =>
    Number((await namespace.run("cat", [`/sys/class/net/${card}/statistics/rx_bytes`])).stdout);
  return [await count("eth0"), await count("eth1")];
}

test("machines with two network cards receive by both, from the server and from each other", async () => {
  const machines = [await addMachine("c1", 11), await addMachine("c2", 12)];
  const pulls = machines.map((machine, at) => pull(machine, `both${at}`));
  await Promise.all(pulls.map((process, at) => isComplete(process, `both${at}`)));
  for (const machine of machines) {
    const [first, second] = await received(machine);
    globalThis.process.stdout.write(`by the first card ${first} bytes, by the second ${second}\n`);
    expect(first + second).toBeGreaterThan(IMAGE_BYTES);
    expect(Math.min(first, second) / (first + second)).toBeGreaterThan(0.25);
  }
  await Promise.all(pulls.map((process) => process.stop()));
}, 120_000);

test("when one of the cards loses its cable, all comes by the other", async () => {
  const machine = await addMachine("c3", 13);
  const process = pull(machine, "cut");
  while ((await received(machine))[1] < 4 * MIB) await sleep(50);
  await machine.namespace.run("ip", ["link", "set", "eth1", "down"]);
  await isComplete(process, "cut");
  const [first, second] = await received(machine);
  expect(second).toBeLessThan(IMAGE_BYTES / 2);
  expect(first + second).toBeGreaterThan(IMAGE_BYTES);
  await process.stop();
}, 120_000);
