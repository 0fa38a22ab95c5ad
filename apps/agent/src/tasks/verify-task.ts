import type { VerifyTask } from "@ingot/api";
import type { PartitionFacts } from "@ingot/chunks";
import { Deployment, type DeployVerifyReport } from "@ingot/disks";
import { DiskFile } from "../after-fill/disk-file.ts";
import { finishTable } from "../after-fill/finish-table.ts";
import { AgentError } from "../errors.ts";
import { fill } from "../deploy/fill.ts";
import { startEngine } from "../deploy/swarm-member.ts";
import { labelOf, requireSigned } from "../deploy/verified-image.ts";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { describeDisk, type Disk } from "../inventory/disk.ts";
import { checkInUse } from "../preflight/checks.ts";
import { requirePassed } from "../preflight/preflight.ts";
import { taskImage } from "./deploy-task.ts";
import { stepNotes } from "./step-notes.ts";
import { stepProgress } from "./step-progress.ts";
import type { TaskContext } from "./task-context.ts";

/**
 * Reads a disk and compares it with a version of an image. Whatever a system has written since, and a table that was fitted to a larger disk,
 * is a difference, too. With `repair` the disk becomes the image again, and the table is fitted again. Error: `damaged`.
 */
export async function runVerify(context: TaskContext, task: VerifyTask): Promise<string> {
  const { session, voice, signal } = context;
  voice.enter("preparing");
  const { disks } = await context.inventory();
  const disk = chooseDisk(task.disk, disks);
  context.onDisk(disk.path, describeDisk(disk));
  const image = await taskImage(context, task.image);
  requireSigned(image);
  const { manifest, manifestId } = image;
  voice.enter("filling", `reading ${describeDisk(disk)}`);
  const report = await readAgain(context, disk, image);
  voice.advance({ ...voice.progress, hashesVerified: report.checkedChunks });
  const bad = report.damaged.length + report.notZero.length;
  if (bad === 0) return `${disk.name} is ${labelOf(image)}, byte for byte: ${report.checkedChunks} chunks`;
  const found = describeDamage(report, manifest.partitions);
  if (!task.repair)
    throw new AgentError("damaged", `${disk.name} differs from ${labelOf(image)}: ${found}`, {
      sector: firstSector(report),
    });
  requirePassed([checkInUse(disk)]);
  voice.note(`repairing: ${found}`);
  const settings = { ...context.machine, method: "p2p" as const };
  await using engine = await startEngine(session.identity, settings);
  const filled = await fill({
    session,
    engine,
    image: { manifest, manifestId },
    path: disk.path,
    settings,
    verify: true,
    onStep: stepNotes((text) => voice.note(text)),
    onProgress: (progress) => voice.advance(progress),
    signal,
  });
  await filled.close();
  voice.enter("finishing");
  using file = new DiskFile(disk.path, disk.sizeBytes, disk.logicalSectorBytes);
  finishTable(file, manifest.sizeBytes, false);
  return `repaired ${disk.name}: ${found}`;
}

async function readAgain(
  { voice, signal, machine }: TaskContext,
  disk: Disk,
  image: Awaited<ReturnType<typeof taskImage>>,
): Promise<DeployVerifyReport> {
  await using deployment = await Deployment.open({
    path: disk.path,
    manifest: image.manifest,
    manifestId: image.manifestId,
    readOnly: true,
    hashThreads: machine.threads,
    // Free space of file systems is nobody's content.
    leaveDontCare: true,
    onProgress: (step) => voice.advance(stepProgress(voice.progress, step)),
    signal,
  });
  // Awaited here: the deployment is closed when this function is left.
  return await deployment.verify({ signal });
}

/** `3 chunks and 1 range that should be zeros, in partitions 1, 2 and the partition table` */
export function describeDamage(report: DeployVerifyReport, facts: PartitionFacts | undefined): string {
  const places = [...report.places, ...report.notZero];
  const areas = new Set(places.map(({ offset, length }) => areaOf(offset, length, facts)));
  const parts: string[] = [];
  if (report.damaged.length > 0) parts.push(`${report.damaged.length} chunks`);
  if (report.notZero.length > 0) parts.push(`${report.notZero.length} ranges that should be zeros`);
  const unreadable = report.places.filter((place) => place.unreadable).length;
  const suffix = unreadable > 0 ? `, ${unreadable} places cannot be read` : "";
  return `${parts.join(" and ")} differ, in ${[...areas].toSorted().join(", ")}${suffix}`;
}

function areaOf(offset: number, length: number, facts: PartitionFacts | undefined): string {
  const partition = facts?.partitions.find(
    ({ firstLba, sectorCount }) => offset < (firstLba + sectorCount) * 512 && offset + length > firstLba * 512,
  );
  return partition === undefined ? "the space outside of partitions" : `partition ${partition.number}`;
}

function firstSector(report: DeployVerifyReport): number | undefined {
  const offsets = [...report.places, ...report.notZero].map(({ offset }) => offset);
  return offsets.length === 0 ? undefined : Math.floor(Math.min(...offsets) / 512);
}
