import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf, ServerError } from "../errors.ts";
import { cacheDirectory } from "./cache-directory.ts";
import { Classroom, FULL_DHCP } from "./classroom.ts";
import { ClonedMachine } from "./cloned-machine.ts";
import { DisklessMachines } from "./diskless-machines.ts";
import { buildGoldenImage } from "./golden-image/index.ts";
import { readLiveStream } from "./live-stream.ts";
import { Narrator } from "./narrator.ts";
import { buildRamSystem } from "./ram-system.ts";

/** How the demo is run. */
export interface DemoOptions {
  /** End when everything was seen; throw when something was not. */
  readonly headless: boolean;
  readonly json: boolean;
}

const IMAGE = "debian-demo";

/**
 * The demo: builds a golden image and serves it. Two machines without disks boot from it, a file is changed on both, both boot
 * again, and the one in mode `reset` has forgotten the change, the persistent one kept it. Meanwhile a third machine, with an
 * empty disk, is cloned from the same image and boots from its disk.
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
  const onProgress = (line: string): void => tell.remark(line);
  tell.heading("1. A small Debian golden image");
  const cache = cacheDirectory();
  const image = await buildGoldenImage({ cacheDir: cache, onProgress, signal });
  tell.remark(image.built ? `built ${image.path}` : `taken from the cache: ${image.path}`);

  const directory = makeDirectory(cache);
  const following = new AbortController();
  try {
    tell.heading("2. The system that machines run from memory while their disks are filled");
    tell.remark(await buildRamSystem({ output: join(directory, "data", "boot", "agent"), onProgress, signal }));

    tell.heading("3. The server, in a network namespace of its own");
    await using classroom = await Classroom.open({ prefix: "ingotdemo", directory, serveArguments: FULL_DHCP });
    tell.remark(`console: ${classroom.url}`);
    await classroom.ingot("image", "add", IMAGE, image.path);
    tell.remark(`image ${IMAGE}:1 is in the library`);
    const diskless = await DisklessMachines.add(classroom, IMAGE, tell, signal);
    const clone = await ClonedMachine.add(classroom, directory, tell, signal);
    void followLive(classroom, tell, AbortSignal.any([signal, following.signal]));

    tell.heading("4. Two machines without disks are switched on, and a third one with an empty disk");
    await clone.start(IMAGE);
    await Promise.all([showDiskless(diskless, tell), clone.cloned()]);
    tell.heading("6. The third machine has booted from its disk");
    await clone.show();
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

async function showDiskless(diskless: DisklessMachines, tell: Narrator): Promise<void> {
  await diskless.change();
  tell.heading("5. Both machines without disks are switched off and on again");
  await diskless.bootAgain();
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

/** Tells boots and tasks as they happen, until the demo ends. */
async function followLive(classroom: Classroom, tell: Narrator, signal: AbortSignal): Promise<void> {
  try {
    for await (const message of readLiveStream(classroom.url, signal)) tell.follow(message);
  } catch (error) {
    if (!signal.aborted) tell.remark(`the live stream broke: ${messageOf(error)}`);
  }
}
