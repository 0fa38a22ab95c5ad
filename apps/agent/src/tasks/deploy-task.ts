import type { DeployTask } from "@ingot/api";
import type { Manifest } from "@ingot/chunks";
import { afterFill } from "../after-fill/after-fill.ts";
import { withRetry } from "../client/retry.ts";
import { AgentError } from "../errors.ts";
import { fill } from "../deploy/fill.ts";
import { memberNotes } from "../deploy/member-notes.ts";
import { startEngine, type SwarmSettings } from "../deploy/swarm-member.ts";
import { fetchManifest, findImage, type KnownImage, labelOf } from "../deploy/verified-image.ts";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { describeDisk, type Disk } from "../inventory/disk.ts";
import type { Inventory } from "../inventory/inventory.ts";
import { readFindings } from "../preflight/findings.ts";
import { preflight, requirePassed } from "../preflight/preflight.ts";

import { stepNotes } from "./step-notes.ts";
import type { TaskContext } from "./task-context.ts";

/** Fills a disk with a version of an image and makes it this machine's. Returns what was done, in sentences. */
export async function runDeploy(context: TaskContext, task: DeployTask): Promise<string> {
  const { session, voice, signal } = context;
  voice.enter("preparing");
  const inventory = await context.inventory();
  const disk = chooseDisk(task.disk, inventory.disks);
  context.onDisk(disk.path, describeDisk(disk));
  const image = await taskImage(context, task.image);
  const warnings = await requirePreflight(context, task, image, disk, inventory);
  const settings: SwarmSettings = {
    ...context.machine,
    method: task.method,
    downloadBytesPerSecond: task.rates.downloadBytesPerSecond,
    uploadBytesPerSecond: task.rates.uploadBytesPerSecond,
  };
  await using engine = await startEngine(session.identity, settings);
  voice.enter("filling", `${describeDisk(disk)}${warnings === "" ? "" : `; ${warnings}`}`);
  const filled = await fill({
    session,
    engine,
    image,
    path: disk.path,
    settings,
    previous: await previousOf(context, task.previousManifestId),
    verify: false,
    onStep: stepNotes((text) => voice.note(text)),
    onProgress: (progress) => voice.advance(progress),
    onEvent: memberNotes((text) => voice.note(text)),
    signal,
  });
  // From here on the disk is no longer the image byte for byte: nobody is served from it.
  await filled.close();
  voice.advance(filled.progress);
  voice.enter("finishing");
  const notes = await afterFill({
    diskPath: disk.path,
    diskBytes: disk.sizeBytes,
    sectorBytes: disk.logicalSectorBytes,
    imageBytes: image.manifest.sizeBytes,
    grow: task.grow,
    bootEntry: task.finish.bootEntry,
    bootsNext: task.after === "reboot",
    injection: { hostName: task.hostName, files: task.finish.files },
    firmware: inventory.firmware,
    programs: context.programs,
    signal,
  });
  return [`${labelOf(image)} is on ${disk.name}`, ...notes].join("; ");
}

/** The task's image, asked for again and again while the server is away. Error: `image-missing`. */
export async function taskImage(
  { session, voice, signal }: TaskContext,
  wanted: { readonly name: string; readonly version: number; readonly manifestId: string },
): Promise<KnownImage> {
  const reference = `${wanted.name}:${wanted.version}`;
  const image = await withRetry(() => findImage(session.client, session.signingKey, reference, signal), {
    signal,
    onWait: (error) => voice.note(error.message),
  });
  if (image.manifestId !== wanted.manifestId)
    throw new AgentError("image-missing", `${reference} is ${image.manifestId}, the task wants ${wanted.manifestId}`);
  return image;
}

/** Runs all checks. Returns what is only a warning. Error: the first check that stops. */
async function requirePreflight(
  { session }: TaskContext,
  task: DeployTask,
  image: KnownImage,
  disk: Disk,
  inventory: Inventory,
): Promise<string> {
  const { sizeBytes, sectorBytes, partitions } = image.manifest;
  const results = preflight({
    image: { label: labelOf(image), sizeBytes, sectorBytes, partitions },
    disk,
    firmware: inventory.firmware,
    power: inventory.power,
    findings: await readFindings(disk),
    machineId: session.machineId,
    signature: image.signature,
    skipChecks: task.skipChecks,
  });
  requirePassed(results);
  return results
    .filter((result) => result.outcome === "warn")
    .map((result) => result.message)
    .join("; ");
}

/** An older version may be gone from the server: then what it left in place is still found, only not what has moved. */
async function previousOf(
  { session, signal }: TaskContext,
  manifestId: string | undefined,
): Promise<{ manifest: Manifest; manifestId: string } | undefined> {
  if (manifestId === undefined) return undefined;
  try {
    return { manifest: await fetchManifest(session.client, manifestId, signal), manifestId };
  } catch (error) {
    if (error instanceof AgentError && (error.code === "not-found" || error.code === "server-unreachable"))
      return undefined;
    throw error;
  }
}
