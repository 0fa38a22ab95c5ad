import type { VerifyTask } from "@ingot/api";
import { type ByteReader, Deployment, type DeployVerifyReport, ImageView, openByteReader } from "@ingot/disks";
import { DiskFile } from "../after-fill/disk-file.ts";
import { chooseDisk } from "../disk-rule/choose-disk.ts";
import { type KnownImage, labelOf, requireSigned } from "../deploy/verified-image.ts";
import { AgentError } from "../errors.ts";
import { describeDisk, type Disk } from "../inventory/disk.ts";
import { checkInUse } from "../preflight/checks.ts";
import { requirePassed } from "../preflight/preflight.ts";
import { describeDamage, describeRest, firstSector } from "../verify/describe.ts";
import { FetchedChunks, type FetchOptions } from "../verify/fetched-chunks.ts";
import { fileNames } from "../verify/file-names.ts";
import { type Damage, type Expected, judge } from "../verify/judge.ts";
import { repair } from "../verify/repair.ts";
import { taskImage } from "./deploy-task.ts";
import { stepProgress } from "./step-progress.ts";
import type { TaskContext } from "./task-context.ts";

/** Share of a machine's memory that may hold chunks which are fetched for a closer look. */
const MEMORY_SHARE = 4;

/**
 * Reads a disk and tells what of a version of an image is damaged on it, and what its system has changed. With `repair` the damage, and
 * nothing else, is written again (docs/cloning.md, "What verify compares"). Error: `damaged`.
 */
export async function runVerify(context: TaskContext, task: VerifyTask): Promise<string> {
  const { voice, signal } = context;
  voice.enter("preparing");
  const { disks, processor } = await context.inventory();
  const disk = chooseDisk(task.disk, disks);
  context.onDisk(disk.path, describeDisk(disk));
  const image = await taskImage(context, task.image);
  requireSigned(image);
  if (task.repair) requirePassed([checkInUse(disk)]);
  voice.enter("filling", `reading ${describeDisk(disk)}`);
  await using deployment = await Deployment.open({
    path: disk.path,
    manifest: image.manifest,
    manifestId: image.manifestId,
    ...(task.repair ? { repairOnly: true } : { readOnly: true }),
    hashThreads: context.machine.threads,
    // Free space of file systems is nobody's content.
    leaveDontCare: true,
    onProgress: (step) => voice.advance(stepProgress(voice.progress, step)),
    signal,
  });
  const report = await deployment.verify({ signal });
  voice.advance({ ...voice.progress, hashesVerified: report.checkedChunks });
  const name = `${disk.name} is ${labelOf(image)}`;
  if (report.places.length + report.notZero.length === 0)
    return `${name}, byte for byte: ${report.checkedChunks} chunks`;

  const fetchOptions: FetchOptions = {
    session: context.session,
    image,
    plan: deployment.plan,
    machine: context.machine,
    // What is said to be there already was not looked at.
    onProgress: ({ bytes, retries, errors }) =>
      voice.advance({ ...voice.progress, bytes: { ...bytes, local: 0 }, retries, errors }),
    onNote: (text) => voice.note(text),
    signal,
  };
  voice.note("looks closer at what differs");
  const maxFetchedBytes = Math.floor(processor.memoryBytes / MEMORY_SHARE);
  await using stack = new AsyncDisposableStack();
  const reader = await openByteReader(disk.path);
  stack.defer(() => reader.close());
  const { judgement, expected } = await judge({
    manifest: image.manifest,
    report,
    disk: reader,
    sectors: stack.use(new DiskFile(disk.path, disk.sizeBytes, disk.logicalSectorBytes, "r")),
    maxFetchedBytes,
    view: async (chunks) => {
      const fetched = stack.use(await FetchedChunks.fetch(chunks, fetchOptions));
      return viewOf(image, reader, report, fetched);
    },
  });
  const { damaged, doubts } = judgement;
  const rest = describeRest(judgement);
  const said =
    damaged.length === 0 ? rest : [describeDamage(damaged, await namesOf(context, disk, image, damaged)), ...rest];
  const fail = (what: string): never => {
    throw new AgentError("damaged", `${disk.name} differs from ${labelOf(image)}: ${what}`, {
      sector: firstSector(judgement),
    });
  };
  if (damaged.length > 0) {
    if (!task.repair) fail(said.join("; "));
    voice.enter("finishing", `repairing: ${said[0] ?? ""}`);
    await repair({
      damaged,
      report,
      plan: deployment.plan,
      expected,
      fetch: (chunks) => FetchedChunks.fetch(chunks, fetchOptions),
      rewrite: (parts) => deployment.rewrite(parts),
      signal,
    });
    said[0] = `repaired: ${said[0] ?? ""}`;
  }
  if (doubts.length > 0) fail(said.join("; "));
  return damaged.length > 0 ? `${disk.name}: ${said.join("; ")}` : [name, ...said].join("; ");
}

/** The image out of what the disk has of it and what was fetched. */
function viewOf(
  { manifest }: KnownImage,
  disk: ByteReader,
  report: DeployVerifyReport,
  fetched: FetchedChunks,
): Expected {
  const wrong = new Set(report.places.map(({ offset }) => offset));
  const has = (offset: number): boolean => fetched.has(offset);
  const view = new ImageView(manifest, disk.sizeBytes, { disk, wrong, fetched, isFetched: has });
  return { sizeBytes: view.sizeBytes, has, read: (offset, into) => view.read(offset, into) };
}

/** The names of damaged files, of each partition that has some. */
async function namesOf(
  { programs }: TaskContext,
  disk: Disk,
  { manifest }: KnownImage,
  damaged: readonly Damage[],
): Promise<ReadonlyMap<Damage, string>> {
  const names = new Map<Damage, string>();
  for (const { number, firstLba } of manifest.partitions?.partitions ?? []) {
    const own = damaged.filter(({ area }) => area === number);
    for (const [damage, name] of await fileNames(programs, disk.path, firstLba * 512, own)) names.set(damage, name);
  }
  return names;
}
