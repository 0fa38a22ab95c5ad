import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Disk, Machine as ApiMachine } from "@ingot/api";
import type { Machine } from "@ingot/testkit/lab";
import { formatBytes } from "../cli/output.ts";
import { messageOf, ServerError } from "../errors.ts";
import { cacheDirectory } from "./cache-directory.ts";
import { Classroom, FULL_DHCP, type Seat } from "./classroom.ts";
import { buildGoldenImage } from "./golden-image/index.ts";
import { readLiveStream } from "./live-stream.ts";
import { Narrator } from "./narrator.ts";

/** How the demo is run. */
export interface DemoOptions {
  /** End when everything was seen; throw when something was not. */
  readonly headless: boolean;
  readonly json: boolean;
}

const IMAGE = "debian-demo";
const NOTE = "/root/note";

const SEATS: readonly (Seat & { readonly mode: "reset" | "persistent" })[] = [
  {
    name: "demo-bios",
    firmware: "bios",
    mac: "52:54:00:77:00:01",
    uuid: "77000001-0000-4000-8000-000000000001",
    mode: "reset",
  },
  {
    name: "demo-uefi",
    firmware: "uefi",
    mac: "52:54:00:77:00:02",
    uuid: "77000002-0000-4000-8000-000000000002",
    mode: "persistent",
  },
];

/**
 * The demo: builds a golden image, serves it, boots a BIOS and a UEFI machine from it, changes a file on both, boots
 * both again, and checks that the machine in mode `reset` forgot the change and the persistent one kept it.
 */
export async function runDemo(options: DemoOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new ServerError(
      "user",
      "the demo makes a network namespace and virtual machines, which needs root: sudo ./ingot demo",
    );
  }
  const tell = new Narrator(options.json);
  const stopping = new AbortController();
  const interrupt = (): void => stopping.abort(new DOMException("interrupted", "AbortError"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
  try {
    await demonstrate(options, tell, stopping);
  } catch (error) {
    // Ctrl-C reaches the server and the machines as well; what then fails first is not the reason.
    throw stopping.signal.aborted ? stopping.signal.reason : error;
  }
}

async function demonstrate(options: DemoOptions, tell: Narrator, stopping: AbortController): Promise<void> {
  const { signal } = stopping;
  tell.heading("1. A small Debian golden image");
  const cache = cacheDirectory();
  const image = await buildGoldenImage({ cacheDir: cache, onProgress: (line) => tell.remark(line), signal });
  tell.remark(image.built ? `built ${image.path}` : `taken from the cache: ${image.path}`);

  const directory = makeDirectory(cache);
  const following = new AbortController();
  try {
    tell.heading("2. The server, in a network namespace of its own");
    await using classroom = await Classroom.open({ prefix: "ingotdemo", directory, serveArguments: FULL_DHCP });
    tell.remark(`console: ${classroom.url}`);
    await classroom.ingot("image", "add", IMAGE, image.path);
    tell.remark(`image ${IMAGE}:1 is in the library`);
    for (const { name, mac, mode } of SEATS) {
      const settings = ["--plan", "diskless", "--image", IMAGE, "--mode", mode];
      await classroom.ingot("machine", "add", "--name", name, "--mac", mac, ...settings);
    }
    void followBoots(classroom, tell, AbortSignal.any([signal, following.signal]));
    await showBoots(classroom, tell, signal);
    if (!options.headless && !signal.aborted) {
      tell.heading(`Everything stays up for looking around: ${classroom.url}`);
      tell.remark("Ctrl-C ends it");
      await once(signal, "abort");
    }
    // The stream's reader ends before its server does.
    following.abort();
  } finally {
    following.abort();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A directory of this process's own, after what killed demos left was removed. */
function makeDirectory(cache: string): string {
  for (const name of readdirSync(cache)) {
    const pid = /^demo-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(cache, name), { recursive: true, force: true });
  }
  const directory = join(cache, `demo-${process.pid}`);
  mkdirSync(directory, { recursive: true });
  return directory;
}

async function showBoots(classroom: Classroom, tell: Narrator, signal: AbortSignal): Promise<void> {
  tell.heading("3. Two machines without disks are switched on");
  const first = await bootAll(classroom, signal);
  for (const { machine } of first) {
    await machine.runCommand(`echo "a change on ${machine.name}" > ${NOTE} && sync`, { signal });
    tell.remark(`${machine.name}: wrote ${NOTE}`);
  }
  await tellDisks(classroom, tell);

  tell.heading("4. Both are switched off and on again");
  await Promise.all(
    first.map(({ machine }) =>
      machine
        .runCommand("sync; (sleep 1; poweroff -f) >/dev/null 2>&1 &", { signal })
        .then(() => machine.waitForPowerOff()),
    ),
  );
  const second = await bootAll(classroom, signal);
  for (const { machine, mode } of second) {
    const note = await machine.runCommand(`cat ${NOTE} 2>/dev/null`, { allowFailure: true, signal });
    const kept = note === `a change on ${machine.name}`;
    if (kept !== (mode === "persistent")) {
      throw new Error(
        `${machine.name} is in mode ${mode}, but its change is ${kept ? "still there" : "gone"} after the second boot`,
      );
    }
    tell.remark(`${machine.name} (${mode}): its change is ${kept ? "kept" : "gone"}`);
  }
  await tellDisks(classroom, tell);
}

/** Boots every seat at once and waits for a shell on each; then the server, too, must have seen each machine come up. */
async function bootAll(
  classroom: Classroom,
  signal: AbortSignal,
): Promise<{ machine: Machine; mode: "reset" | "persistent" }[]> {
  const booted = await Promise.all(
    SEATS.map(async (seat) => {
      const machine = await classroom.powerOn(seat);
      await machine.login({ timeoutMs: 400_000, signal });
      return { machine, mode: seat.mode };
    }),
  );
  for (const { machine } of booted) await seenUp(classroom, machine.name);
  return booted;
}

/** The guest reports in a moment after its prompt; 60 s is ample even on a slow machine. */
async function seenUp(classroom: Classroom, name: string): Promise<void> {
  let state = "";
  for (let tries = 0; tries < 120; tries++) {
    ({ state } = await classroom.api.get<ApiMachine>(`/api/v1/machines/${name}`));
    if (state === "up") return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${name} has a login prompt, but the server has it as ${state}: it never reported in`);
}

async function tellDisks(classroom: Classroom, tell: Narrator): Promise<void> {
  for (const disk of await classroom.api.list<Disk>("/api/v1/disks")) {
    tell.remark(
      `${disk.machineName}: ${formatBytes(disk.overlayBytes)} of changes over ${disk.image.name}:${disk.image.version} (${formatBytes(disk.sizeBytes)}), mode ${disk.mode}`,
    );
  }
}

/** Tells the boots as they happen, until the demo ends. */
async function followBoots(classroom: Classroom, tell: Narrator, signal: AbortSignal): Promise<void> {
  try {
    for await (const message of readLiveStream(classroom.url, signal)) tell.follow(message);
  } catch (error) {
    if (!signal.aborted) tell.remark(`the live stream broke: ${messageOf(error)}`);
  }
}
