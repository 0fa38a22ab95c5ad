import { type ChangeWindow, type CreateJob, DISK_RULE_FORM, parseDiskRule } from "@ingot/api";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseRate } from "../config/rate.ts";
import type { CommonOptions } from "./common-options.ts";

/** What every command that makes a job understands. */
export interface JobOptions extends CommonOptions {
  readonly disk?: string;
  readonly priority?: number;
  readonly wave?: number[];
  readonly stopIfFailed?: number;
  readonly at?: string;
  readonly window?: ChangeWindow;
  readonly after?: "reboot" | "poweroff" | "stay";
  readonly wake: boolean;
  readonly restart?: boolean;
  readonly comment?: string;
  readonly watch?: true;
}

/** Adds those options to a command. */
export function withJobOptions(command: Command): Command {
  return command
    .option(
      "--disk <rule>",
      "which disk, for example nvme,largest or serial=…; default: the only internal one",
      diskRule,
    )
    .option("--priority <number>", "0 to 100, higher goes first", wholeNumber(0, 100), 50)
    .option(
      "--wave <shares>",
      "shares of the machines, for example 10%,50%,100%: each begins when the one before has finished",
      waves,
    )
    .option(
      "--stop-if-failed <share>",
      "begin no more when more than this share of the machines failed, for example 5%",
      percent,
    )
    .option("--at <time>", "not before this time: 22:30, 2026-11-23T22:30 or with a zone", (text) =>
      startTime(text, new Date()),
    )
    .option(
      "--window <from-to>",
      "begin only between these times of the server's day, for example 22:00-05:00",
      changeWindow,
    )
    .addOption(
      new Option("--after <what>", "what a machine does when it is done")
        .choices(["reboot", "poweroff", "stay"])
        .default("reboot"),
    )
    .option("--no-wake", "do not switch on machines of which nothing is heard (Wake-on-LAN)")
    .option(
      "--restart",
      "restart machines whose own system runs with an agent: deploy and wipe do so unless told not to",
    )
    .option("--no-restart", "wait until somebody restarts them")
    .option("--comment <text>", "a remark")
    .option("--watch", "stay and show how it goes on; the exit code says how it ended");
}

/** What those options say, as the API wants it. */
export function jobSettings(options: JobOptions): Omit<CreateJob, "kind" | "to"> {
  const { disk, priority, wave, stopIfFailed, at, window, after, wake, restart, comment } = options;
  return {
    ...(disk !== undefined && { disk }),
    ...(priority !== undefined && { priority }),
    ...(wave !== undefined && { waves: wave }),
    ...(stopIfFailed !== undefined && { stopIfFailed }),
    ...(at !== undefined && { at }),
    ...(window !== undefined && { window }),
    ...(after !== undefined && { after }),
    ...(!wake && { wake }),
    ...(restart !== undefined && { restart }),
    ...(comment !== undefined && { comment }),
  } as Omit<CreateJob, "kind" | "to">;
}

/** Names with commas or spaces between them. */
export function names(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((name) => name.trim())].filter((name) => name !== "");
}

/** Checks a disk rule; the server reads it. */
export function diskRule(text: string): string {
  if (parseDiskRule(text) === undefined) throw new InvalidArgumentError(DISK_RULE_FORM);
  return text;
}

/** Reads `10%,50%,100%`; the percent signs may be left away. */
export function waves(text: string): number[] {
  const shares = text.split(",").map(percent);
  const ascend = shares.every((share, index) => share > (shares[index - 1] ?? 0));
  if (!ascend || shares.at(-1) !== 100)
    throw new InvalidArgumentError("expected ascending shares that end with 100%, for example 10%,50%,100%");
  return shares;
}

/** Reads `5%` or `5`. */
export function percent(text: string): number {
  const [, digits] = /^(\d{1,3}(?:\.\d+)?)\s*%?$/.exec(text.trim()) ?? [];
  const share = Number(digits);
  if (!(share >= 0 && share <= 100))
    throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected a share like 5%`);
  return share;
}

/** Reads `22:00-05:00`. */
export function changeWindow(text: string): ChangeWindow {
  const [, from, to] = /^((?:[01]\d|2[0-3]):[0-5]\d)\s*-\s*((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text.trim()) ?? [];
  if (from === undefined || to === undefined || from === to)
    throw new InvalidArgumentError("expected HH:MM-HH:MM, for example 22:00-05:00");
  return { from, to };
}

/** Reads a time of day (the next one that comes), or a date and time, local unless it names a zone; answers it in UTC. */
export function startTime(text: string, now: Date): string {
  const [, hours, minutes] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text.trim()) ?? [];
  if (hours !== undefined && minutes !== undefined) {
    const time = new Date(now);
    time.setHours(Number(hours), Number(minutes), 0, 0);
    if (time <= now) time.setDate(time.getDate() + 1);
    return time.toISOString();
  }
  const time = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}/.test(text) ? new Date(text) : undefined;
  if (time === undefined || Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected a time like 22:30 or 2026-11-23T22:30`);
  }
  return time.toISOString();
}

/** Reads `500mbit` or `60MB`, a second; answers bytes a second. */
export function byteRate(text: string): number {
  const rate = parseRate(text);
  if (rate !== undefined) return rate;
  throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected a rate like 500mbit or 60MB`);
}

/** Reads a whole number within limits. */
function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`got ${JSON.stringify(text)}, expected ${least} to ${most}`);
  };
}
