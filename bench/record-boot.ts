/**
 * Records what a diskless Debian asks of its disk from power-on to the login prompt and until it has written back
 * what it changed: node bench/record-boot.ts [--firmware bios|uefi]
 * [--output FILE], as root. The machine is the demo's (QEMU without KVM, one virtual CPU), the server is `ingot serve`, and a relay
 * between them writes down each command with its time. Two minutes; 15 more when the golden image has to be built first.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Machine as ApiMachine } from "@ingot/api";
import type { Namespace } from "@ingot/testkit/lab";
import {
  buildGoldenImage,
  cacheDirectory,
  Classroom,
  FULL_DHCP,
  SERVER_ADDRESS,
} from "../apps/server/src/demo/index.ts";
import { type BlockTrace, sumTrace, type TraceCommand } from "./block-trace/block-trace.ts";
import { DEBIAN_BOOT, writeTraceFile } from "./block-trace/trace-file.ts";

const { values } = parseArgs({
  options: {
    firmware: { type: "string", default: "bios" },
    output: { type: "string", default: DEBIAN_BOOT },
  },
});
const firmware = values.firmware === "uefi" ? "uefi" : "bios";
const RELAY_PORT = "3261";
/** Linux writes back what has been dirty for 30 s, and looks every 5 s. */
const WRITE_BACK_MS = 40_000;
const IMAGE_BYTES = 2 * 2 ** 30;

/** Machines connect to the server's port and reach the relay; the relay itself is local and reaches the server. */
async function interpose(network: Namespace, recordFile: string): Promise<void> {
  const program = new URL("block-trace/recording-process.ts", import.meta.url).pathname;
  const relay = network.spawn(process.execPath, [program, RELAY_PORT, SERVER_ADDRESS, "3260", recordFile]);
  await relay.waitForOutput("listening", { timeoutMs: 30_000 });
  await network.run("nft", ["add", "table", "ip", "relay"]);
  await network.run("nft", ["add chain ip relay pre { type nat hook prerouting priority dstnat; }"]);
  await network.run("nft", [
    "add",
    "rule",
    "ip",
    "relay",
    "pre",
    "iifname",
    "br0",
    "tcp",
    "dport",
    "3260",
    "redirect",
    "to",
    `:${RELAY_PORT}`,
  ]);
}

async function waitUntilUp(classroom: Classroom, name: string): Promise<void> {
  for (let tries = 0; tries < 240; tries++) {
    const { state } = await classroom.api.get<ApiMachine>(`/api/v1/machines/${name}`);
    if (state === "up") return;
    await setTimeout(500);
  }
  throw new Error(`${name} never reported in`);
}

async function record(directory: string): Promise<string> {
  const image = await buildGoldenImage({ cacheDir: cacheDirectory(), onProgress: (line) => console.error(line) });
  const recordFile = join(directory, "commands.jsonl");
  await using classroom = await Classroom.open({
    prefix: "ingotrec",
    directory,
    serveArguments: FULL_DHCP,
    prepare: (_lab, network) => interpose(network, recordFile),
  });
  await classroom.ingot("image", "add", "debian", image.path);
  const seat = {
    name: "pc",
    mac: "52:54:00:77:01:01",
    uuid: "77010001-0000-4000-8000-000000000001",
    firmware,
  } as const;
  const settings = ["--plan", "diskless", "--image", "debian", "--mode", "reset"];
  await classroom.ingot("machine", "add", "--name", seat.name, "--mac", seat.mac, ...settings);
  const machine = await classroom.powerOn(seat);
  await machine.waitForSerial(/login: ?$/m, { timeoutMs: 400_000 });
  await waitUntilUp(classroom, seat.name);
  await setTimeout(WRITE_BACK_MS);
  await machine.powerOff();
  return readFile(recordFile, "utf8");
}

const directory = await mkdtemp(join(tmpdir(), "ingot-record-"));
try {
  const lines = (await record(directory)).trimEnd().split("\n");
  // Noted in the order of their ends.
  const commands = lines.map((line) => JSON.parse(line) as TraceCommand).toSorted((a, b) => a.atUs - b.atUs);
  const beginUs = commands[0]?.atUs ?? 0;
  const trace: BlockTrace = {
    about: `Debian of ingot demo, ${firmware}, QEMU TCG with one CPU, from power-on until it had written back what it changed`,
    diskBytes: IMAGE_BYTES,
    commands: commands.map((command) => ({ ...command, atUs: command.atUs - beginUs })),
  };
  const bytes = await writeTraceFile(values.output, trace);
  console.log(JSON.stringify({ file: values.output, bytes, ...sumTrace(trace) }));
} finally {
  await rm(directory, { recursive: true });
}
