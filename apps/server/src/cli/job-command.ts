import { writeFileSync } from "node:fs";
import type { Job, JobSeed } from "@ingot/api";
import { Command } from "commander";
import { messageOf, ServerError } from "../errors.ts";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { describeJob, describeJobs, titleOf } from "./job-output.ts";
import { concludeJob, readTasks, watchJob } from "./job-watch.ts";
import { processOutput } from "./output.ts";

/** `ingot job …` */
export function jobCommand(): Command {
  const job = new Command("job")
    .description("jobs: what was asked of many machines, and how each of them is getting on")
    .addHelpText("after", "\nExamples:\n  ingot job list\n  ingot job watch 7\n  ingot job log 7 --csv job-7.csv");
  job
    .command("list")
    .description("all jobs, newest first")
    .addHelpText("after", "\nExample:\n  ingot job list --json")
    .action(listJobs);
  job
    .command("show <job>")
    .description("one job with every machine's state and why")
    .addHelpText("after", "\nExample:\n  ingot job show 7")
    .action(showJob);
  job
    .command("watch <job>")
    .description("stay and show how a job goes on; the exit code says how it ended")
    .addHelpText("after", "\nExample:\n  ingot job watch 7")
    .action(watch);
  const actions = [
    ["pause", "nothing more is moved until it is resumed; what is verified stays"],
    ["resume", "let a paused job go on"],
    ["cancel", "end a job; machines that are at it stop where they are"],
    ["retry", "try again what failed or was cancelled; what is verified is not sent again"],
  ] as const;
  for (const [action, description] of actions) {
    job
      .command(`${action} <job>`)
      .description(description)
      .addHelpText("after", `\nExample:\n  ingot job ${action} 7`)
      .action((id: string, options: CommonOptions) => act(action, id, options));
  }
  job
    .command("log <job>")
    .description("the job's log as CSV: time, machine, bytes, rate, sources, hashes verified, retries, error")
    .option("--csv [file]", "write it to a file; without a name, or without the option, to standard output")
    .addHelpText("after", "\nExamples:\n  ingot job log 7 > job-7.csv\n  ingot job log 7 --csv job-7.csv")
    .action(writeLog);
  return job;
}

async function listJobs(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const jobs = await connection.api.list<Job>("/api/v1/jobs");
  out.result(jobs, () => describeJobs(jobs, Date.now()));
}

async function showJob(id: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const job = await connection.api.get<Job>(pathOf(id));
  const tasks = await readTasks(connection.api, id);
  const { items: seeds } = await connection.api.get<{ readonly items: readonly JobSeed[] }>(`${pathOf(id)}/seeds`);
  out.result({ ...job, tasks, seeds }, () => describeJob(job, tasks, seeds));
}

async function watch(id: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  concludeJob(await watchJob(connection, encodeURIComponent(id), out), out);
}

async function act(action: string, id: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const job = await connection.api.post<Job>(`${pathOf(id)}/${action}`);
  out.result(job, () => `job ${job.id} (${titleOf(job)}) is ${job.state}: ${job.reason}`);
}

async function writeLog(id: string, options: CommonOptions & { readonly csv?: string | true }): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const text = await (await connection.api.send("GET", `${pathOf(id)}/log.csv`)).text();
  if (typeof options.csv !== "string") {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(options.csv, text);
  } catch (error) {
    throw new ServerError("data-directory", `--csv ${options.csv}: cannot be written: ${messageOf(error)}`, {
      cause: error,
    });
  }
  out.result({ written: options.csv }, () => `wrote ${options.csv}`);
}

function pathOf(id: string): string {
  return `/api/v1/jobs/${encodeURIComponent(id)}`;
}
