import { stat } from "node:fs/promises";
import { Command } from "commander";
import type { AgentError } from "../errors.ts";
import {
  addServerOptions,
  addSwarmOptions,
  interruptSignal,
  openPeerSession,
  type SwarmOptions,
  swarmSettings,
} from "./common.ts";
import { EXIT_CODE_HELP } from "./exit-codes.ts";

interface PullOptions extends SwarmOptions {
  readonly to: string;
  readonly verify?: true;
  readonly seed?: true;
}

/** A peer that is done waits so long for those that it is sending to. */
const LAST_UPLOADS_MS = 5_000;

/** `ingot agent pull` */
export function pullCommand(): Command {
  const command = new Command("pull")
    .description("fetch a version of an image into a file or onto a disk, as a full member of its swarm")
    .argument("<image>", "NAME, NAME:VERSION or NAME:TAG")
    .requiredOption("--to <file|device>", "a file, made where it is missing, or a disk, which is overwritten");
  addSwarmOptions(addServerOptions(command))
    .option("--verify", "read everything again at the end, and fetch once more what is wrong")
    .option("--seed", "keep serving it to others until interrupted")
    .addHelpText(
      "after",
      `
What the target holds already is found and not fetched again; after an interruption the same command goes on.

Examples:
  ingot agent pull win11-lab --to /srv/win11.img --server https://10.0.0.1:8472 --pin 3f8a…
  ingot agent pull debian:3 --to /dev/disk/by-id/ata-Samsung_SSD_870_S4EV --verify
  ingot agent pull debian --to debian.img --method p2p --rate 200Mbit --seed --json
${EXIT_CODE_HELP}`,
    )
    .action(pull);
  return command;
}

async function pull(reference: string, options: PullOptions): Promise<void> {
  const signal = interruptSignal();
  const startedAt = performance.now();
  const isJson = options.json === true;
  const note = (line: string): void => {
    if (!isJson) process.stderr.write(`${line}\n`);
  };
  const [
    { fill },
    { memberNotes },
    { startEngine },
    { findImage, findPrevious, labelOf, requireSigned },
    { progressBar },
    { withRetry },
  ] = await Promise.all([
    import("../deploy/fill.ts"),
    import("../deploy/member-notes.ts"),
    import("../deploy/swarm-member.ts"),
    import("../deploy/verified-image.ts"),
    import("./progress-bar.ts"),
    import("../client/retry.ts"),
  ]);
  const settings = swarmSettings(options);
  const session = await openPeerSession(options, note, signal);
  // The threads start while the server looks for the image.
  const starting = startEngine(session.identity, settings);
  starting.catch(() => undefined);
  const onWait = (error: AgentError): void => note(error.message);
  const image = await withRetry(() => findImage(session.client, session.signingKey, reference, signal), {
    signal,
    onWait,
  });
  requireSigned(image);
  const previous = (await isThere(options.to))
    ? await withRetry(() => findPrevious(session.client, image, signal), { signal, onWait })
    : undefined;
  await using engine = await starting;
  const view = await progressBar(isJson);
  const label = labelOf(image);
  try {
    const filled = await fill({
      session,
      engine,
      image,
      path: options.to,
      previous,
      settings,
      verify: options.verify === true,
      onStep: (step) => {
        if (step.step !== "filling") view.show(`${label} ${step.step}`, { ...step, bytesPerSecond: 0 });
      },
      onProgress: (progress) => view.show(label, progress),
      onEvent: memberNotes(note),
      signal,
    });
    view.stop();
    const seconds = (performance.now() - startedAt) / 1000;
    const { progress, found } = filled;
    if (isJson) process.stdout.write(`${JSON.stringify({ ...resultOf(image), seconds, progress, found })}\n`);
    else note(`${label} is in ${options.to}: ${sentence(progress)}, ${seconds.toFixed(1)} s`);
    try {
      if (options.seed === true) {
        note("serving it to others; Ctrl-C ends that");
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      } else {
        await lastUploads(engine, signal);
      }
    } finally {
      await filled.close();
    }
  } finally {
    view.stop();
    session.client.close();
  }
}

/** Whether a target may hold something already; what is wrong with it shows when it is opened. */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function resultOf(image: {
  name: string;
  version: number;
  manifestId: string;
  manifest: { sizeBytes: number };
}): object {
  const { name, version, manifestId } = image;
  return { name, version, manifestId, sizeBytes: image.manifest.sizeBytes };
}

function sentence(progress: { bytes: { seed: number; peers: number; multicast: number; local: number } }): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { seed, peers, multicast, local } = progress.bytes;
  return `${mib(seed)} from the server, ${mib(peers)} from peers, ${mib(multicast)} by multicast, ${mib(local)} were there`;
}

async function lastUploads(engine: { stats(): { activeUploads: number } }, signal: AbortSignal): Promise<void> {
  const end = performance.now() + LAST_UPLOADS_MS;
  while (engine.stats().activeUploads > 0 && performance.now() < end && !signal.aborted)
    await new Promise((resolve) => setTimeout(resolve, 50));
}
