import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lab, type LabProcess, type Namespace } from "@ingot/testkit/lab";
import { afterAll, beforeAll, expect, test } from "vitest";
import { INGOT, serveArguments, ServerProcess } from "../../../test/server-process.ts";

/*
 *   server: boot0 10.79.0.1/24 ---- eth0 10.79.0.2 room
 *           rest0 10.80.0.1/24 ---- eth0 10.80.0.2 other
 */
let folder: string;
let lab: Lab;
let network: Namespace;
let room: Namespace;
let other: Namespace;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ingot-wake-"));
  lab = await Lab.open({ prefix: "ingwake" });
  [network, room, other] = await Promise.all([
    lab.addNamespace("server"),
    lab.addNamespace("room"),
    lab.addNamespace("other"),
  ]);
  const eth = { name: "eth0" };
  await lab.addCable(
    { namespace: network, name: "boot0", address: "10.79.0.1/24" },
    { namespace: room, ...eth, address: "10.79.0.2/24" },
  );
  await lab.addCable(
    { namespace: network, name: "rest0", address: "10.80.0.1/24" },
    { namespace: other, ...eth, address: "10.80.0.2/24" },
  );
});

afterAll(async () => {
  await lab.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Says who sends what to UDP port 9. */
const LISTENER = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 9))
print("listening", flush=True)
while True:
    data, (host, port) = s.recvfrom(2048)
    print(host, data.hex(), flush=True)
`;
const PACKET = `${"ff".repeat(6)}${"525400abcdef".repeat(16)}`;
const PATIENCE = { timeoutMs: 60_000 };

async function listen(namespace: Namespace): Promise<LabProcess> {
  const running = namespace.spawn("python3", ["-c", LISTENER]);
  await running.waitForOutput("listening", PATIENCE);
  return running;
}

/** Starts a server and deploys to a machine that is off. */
async function deploy(name: string, ...options: readonly string[]): Promise<AsyncDisposable> {
  const data = join(folder, name);
  const serve = [...INGOT, ...serveArguments(data, "--interface", "boot0", "--user", "root", ...options)];
  const server = await ServerProcess.launch(["ip", "netns", "exec", network.name, ...serve]);
  const [program, ...before] = INGOT;
  const ingot = (...words: readonly string[]): Promise<unknown> =>
    network.run(program, [...before, ...words, "--data", data]);
  writeFileSync(join(folder, "disk.img"), new Uint8Array(1 << 20));
  await ingot("image", "add", "lab", join(folder, "disk.img"));
  await ingot("machine", "add", "--name", "pc-1", "--mac", "52:54:00:ab:cd:ef");
  await ingot("deploy", "lab", "--to", "pc-1");
  return server;
}

test("a machine that is off is called in the boot interface's subnet, or in that of another interface, and nowhere else", async () => {
  const [inRoom, inOther] = await Promise.all([listen(room), listen(other)]);
  {
    await using _server = await deploy("boot");
    await inRoom.waitForOutput(`10.79.0.1 ${PACKET}\n`, PATIENCE);
    expect(inOther.output.text).toBe("listening\n");
  }
  const before = inRoom.output.text;
  await using _server = await deploy("rest", "--wake-interface", "rest0");
  await inOther.waitForOutput(`10.80.0.1 ${PACKET}\n`, PATIENCE);
  expect(inRoom.output.text).toBe(before);
}, 240_000);
