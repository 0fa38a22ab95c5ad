import { readFileSync } from "node:fs";
import {
  type CreateJob,
  DEPLOY_METHODS,
  type FileTemplate,
  type Job,
  SKIPPABLE_CHECKS,
  type SkippableCheck,
} from "@ingot/api";
import { Command, InvalidArgumentError, Option } from "commander";
import { ServerError } from "../errors.ts";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { byteRate, type JobOptions, jobSettings, names, percent, withJobOptions } from "./job-options.ts";
import { concludeJob, watchJob } from "./job-watch.ts";
import { titleOf } from "./job-output.ts";
import { processOutput } from "./output.ts";

interface DeployOptions extends JobOptions {
  readonly to: string[];
  readonly method: (typeof DEPLOY_METHODS)[number];
  readonly rate?: number;
  readonly preload?: number;
  readonly uploadRate?: number;
  readonly grow?: true;
  readonly hostName?: string | false;
  readonly inject?: FileTemplate[];
  readonly skipCheck?: SkippableCheck[];
}

/** `ingot deploy` */
export function deployCommand(): Command {
  const command = new Command("deploy")
    .argument("<image>", "NAME, NAME:VERSION or NAME:TAG")
    .description("fill the disks of machines with an image: checked, resumed after a power cut, and booted")
    .requiredOption("--to <names...>", "groups and machines, with commas or spaces between them", names)
    .addOption(new Option("--method <method>", "how the content travels").choices(DEPLOY_METHODS).default("auto"))
    .option("--preload <share>", "the first part of the image, like 20%, goes to seeds before the job begins", percent)
    .option("--rate <rate>", "what one machine receives at most, for example 500mbit or 60MB", byteRate)
    .option("--upload-rate <rate>", "what one machine sends to others at most", byteRate)
    .option("--grow", "grow the last partition and its file system to the disk's end")
    .option("--host-name <template>", "its host name, for example lab-${number}; default: the machine's name")
    .option("--no-host-name", "leave the image's host name")
    .option(
      "--inject <path=file...>",
      "write a file into the new system; ${hostname}, ${name}, ${mac}, ${serial}, ${group} … are filled in",
      templates,
    )
    .addOption(
      new Option("--skip-check <check...>", "checks before the first write to leave out").choices(SKIPPABLE_CHECKS),
    );
  return withJobOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  ingot deploy win11-lab --to room-3 --watch
  ingot deploy debian:7 --to pc-01,pc-02 --disk nvme,largest --method p2p
  ingot deploy win11-lab --to room-3 --host-name 'R3-\${number}' --inject /Windows/Panther/unattend.xml=unattend.xml
  ingot deploy win11-lab:stable --to room-3 room-4 --wave 10%,50%,100% --stop-if-failed 5% --window 22:00-05:00`,
    )
    .action(deploy);
}

/** `ingot capture` */
export function captureCommand(): Command {
  const command = new Command("capture")
    .argument("<machine>", "name, id or MAC address")
    .argument("<name>", "the image that gets a new version")
    .description("read a machine's disk and add it to the library as a new version of an image")
    .option("--upload-rate <rate>", "what the machine sends at most, for example 500mbit", byteRate);
  return withJobOptions(command)
    .addHelpText("after", "\nExample:\n  ingot capture pc-17 win11-lab --watch")
    .action(async (machine: string, image: string, options: JobOptions & { readonly uploadRate?: number }) => {
      const rate = options.uploadRate === undefined ? {} : { uploadBytesPerSecond: options.uploadRate };
      await start({ kind: "capture", image, to: [machine], ...rate, ...jobSettings(options) }, options);
    });
}

/** `ingot verify` */
export function verifyCommand(): Command {
  const command = new Command("verify")
    .argument("<machines...>", "machines and groups")
    .description("read machines' disks again and compare them with what was deployed to them")
    .option("--image <reference>", "compare with this instead")
    .option("--repair", "write again what is damaged, and nothing else");
  return withJobOptions(command)
    .addHelpText("after", "\nExamples:\n  ingot verify room-3 --watch\n  ingot verify pc-17 --repair --image debian:7")
    .action(async (to: string[], options: JobOptions & { readonly image?: string; readonly repair?: true }) => {
      const { image, repair = false } = options;
      await start(
        { kind: "verify", to, repair, ...(image !== undefined && { image }), ...jobSettings(options) },
        options,
      );
    });
}

/** `ingot wipe` */
export function wipeCommand(): Command {
  const command = new Command("wipe")
    .argument("<machines...>", "machines and groups")
    .description("erase machines' disks")
    .addOption(
      new Option("--method <method>", "give every block back, or write zeros everywhere")
        .choices(["discard", "zero"])
        .default("discard"),
    )
    .option("--yes", "yes, erase them");
  return withJobOptions(command)
    .addHelpText("after", "\nExample:\n  ingot wipe pc-17 --disk nvme,largest --yes --watch")
    .action(
      async (to: string[], options: JobOptions & { readonly method: "discard" | "zero"; readonly yes?: true }) => {
        if (options.yes !== true)
          throw new ServerError("usage", "wipe: everything on these disks is lost; say so with --yes");
        await start({ kind: "wipe", to, wipeMethod: options.method, ...jobSettings(options) }, options);
      },
    );
}

async function deploy(image: string, options: DeployOptions): Promise<void> {
  const { to, method, preload, rate, uploadRate, grow = false, hostName, inject, skipCheck } = options;
  const body: CreateJob = {
    kind: "deploy",
    image,
    to,
    method,
    grow,
    ...(hostName !== undefined && { hostName }),
    ...(preload !== undefined && { preload }),
    ...(rate !== undefined && { downloadBytesPerSecond: rate }),
    ...(uploadRate !== undefined && { uploadBytesPerSecond: uploadRate }),
    ...(inject !== undefined && { files: inject }),
    ...(skipCheck !== undefined && { skipChecks: skipCheck }),
    ...jobSettings(options),
  };
  await start(body, options);
}

async function start(body: CreateJob, options: CommonOptions & { readonly watch?: true }): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const job = await connection.api.post<Job>("/api/v1/jobs", body);
  if (options.watch === true) {
    concludeJob(await watchJob(connection, job.id, out), out);
    return;
  }
  const machines = Object.values(job.counts).reduce((sum, count) => sum + count, 0);
  out.result(
    job,
    () => `job ${job.id}: ${titleOf(job)}, ${machines === 1 ? "1 machine" : `${machines} machines`}: ${job.reason}`,
  );
  if (!connection.live) out.note("no server is running: the job begins when one does");
  else out.note(`ingot job watch ${job.id} shows how it goes on; a machine begins when it starts from the network`);
}

/** Reads `/path/there=./file-here`. */
function templates(text: string, before: readonly FileTemplate[] = []): FileTemplate[] {
  const equals = text.indexOf("=");
  const path = text.slice(0, equals);
  const file = text.slice(equals + 1);
  if (equals < 1 || !path.startsWith("/"))
    throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected /path/there=file`);
  try {
    return [...before, { path, template: readFileSync(file, "utf8") }];
  } catch (error) {
    throw new InvalidArgumentError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
