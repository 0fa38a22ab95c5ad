import {
  BOOT_PLANS,
  DISK_MODES,
  ENROLMENT_MODES,
  formatImageReference,
  type PatchSettings,
  type Settings,
} from "@ingot/api";
import { Command, Option } from "commander";
import { ServerError } from "../errors.ts";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { byteRate, percent } from "./job-options.ts";
import { formatFacts, processOutput } from "./output.ts";

type SettingOptions = CommonOptions & PatchSettings & { readonly alertBelow?: number; readonly alertFailed?: number };

/** `ingot settings …` */
export function settingsCommand(): Command {
  const settings = new Command("settings")
    .description("what holds where neither a machine nor its group says otherwise, and who may come in")
    .addHelpText("after", "\nExamples:\n  ingot settings show\n  ingot settings set --enrolment approve");
  settings
    .command("show")
    .description("the settings")
    .addHelpText("after", "\nExample:\n  ingot settings show --json")
    .action(show);
  settings
    .command("set")
    .description("change settings; what is not named stays")
    .addOption(new Option("--registration <mode>", "whether unknown machines are taken in").choices(["open", "closed"]))
    .addOption(
      new Option(
        "--enrolment <mode>",
        "who lets agents in: nobody has to, an operator by the code on the screen, a one-time token",
      ).choices(ENROLMENT_MODES),
    )
    .addOption(new Option("--plan <plan>", "what machines get at their next boot").choices(BOOT_PLANS))
    .option("--image <reference>", "NAME, NAME:VERSION or NAME:TAG")
    .option(
      "--alert-below <rate>",
      "tell of machines that are filled more slowly, for example 10MB; slower links count for less",
      byteRate,
    )
    .option("--alert-failed <share>", "tell of jobs of which more machines failed, for example 5%", percent)
    .addOption(new Option("--mode <mode>", "what becomes of changes at the next boot").choices(DISK_MODES))
    .addHelpText(
      "after",
      "\nExamples:\n  ingot settings set --registration closed\n  ingot settings set --enrolment approve",
    )
    .action(change);
  return settings;
}

async function show(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const settings = await connection.api.get<Settings>("/api/v1/settings");
  out.result(settings, () => describeSettings(settings));
}

async function change(options: SettingOptions): Promise<void> {
  const out = processOutput(options.json === true);
  const { registration, enrolment, plan, image, mode } = options;
  const { alertBelow: alertBelowBytesPerSecond, alertFailed: alertFailedPercent } = options;
  const patch = Object.fromEntries(
    Object.entries({
      registration,
      enrolment,
      plan,
      image,
      mode,
      alertBelowBytesPerSecond,
      alertFailedPercent,
    }).filter(([, value]) => value !== undefined),
  );
  if (Object.keys(patch).length === 0) throw new ServerError("usage", "settings set: nothing to change was named");
  await using connection = await connect(options.data);
  const settings = await connection.api.patch<Settings>("/api/v1/settings", patch);
  out.result(settings, () => describeSettings(settings));
}

function describeSettings(settings: Settings): string {
  return formatFacts([
    ["registration", settings.registration],
    ["enrolment", settings.enrolment],
    ["plan", settings.plan],
    ["image", settings.image === undefined ? "-" : formatImageReference(settings.image)],
    ["mode", settings.mode],
    [
      "alerts",
      `machines below ${settings.alertBelowBytesPerSecond / 1e6} MB/s, jobs with more than ${settings.alertFailedPercent} % failed`,
    ],
  ]);
}
