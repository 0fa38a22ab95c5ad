import { BOOT_PLANS, formatImageReference, type BootPlan, type DiskMode, type Group } from "@ingot/api";
import { Command, Option } from "commander";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatTable, processOutput } from "./output.ts";

interface GroupOptions extends CommonOptions {
  readonly plan?: BootPlan;
  readonly image?: string;
  readonly mode?: DiskMode;
  readonly comment?: string;
}

/** `ingot group …` */
export function groupCommand(): Command {
  const group = new Command("group")
    .description("groups: settings that their machines inherit")
    .addHelpText("after", "\nExample:\n  ingot group set room-3 --plan diskless --image debian-lab --mode reset");
  group
    .command("list")
    .description("all groups")
    .addHelpText("after", "\nExample:\n  ingot group list")
    .action(listGroups);
  group
    .command("set <name>")
    .description("make a group or replace its settings")
    .addOption(new Option("--plan <plan>", "what its machines get at their next boot").choices(BOOT_PLANS))
    .option("--image <reference>", "NAME, NAME:VERSION or NAME:TAG")
    .addOption(
      new Option("--mode <mode>", "what becomes of their changes at the next boot").choices(["reset", "persistent"]),
    )
    .option("--comment <text>", "a remark")
    .addHelpText("after", "\nExample:\n  ingot group set room-3 --plan diskless --image debian-lab --mode reset")
    .action(setGroup);
  group
    .command("remove <name>")
    .description("remove a group; refused while machines are in it")
    .addHelpText("after", "\nExample:\n  ingot group remove room-3")
    .action(removeGroup);
  return group;
}

async function listGroups(options: GroupOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const groups = await connection.api.list<Group>("/api/v1/groups");
  out.result(groups, () =>
    formatTable(
      ["NAME", "MACHINES", "PLAN", "IMAGE", "MODE", "COMMENT"],
      groups.map((g) => [
        g.name,
        String(g.machineCount),
        g.settings.plan ?? "-",
        g.settings.image === undefined ? "-" : formatImageReference(g.settings.image),
        g.settings.mode ?? "-",
        g.comment ?? "",
      ]),
      "no groups; make one: ingot group set NAME --image IMAGE",
    ),
  );
}

async function setGroup(name: string, options: GroupOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const group = await connection.api.put<Group>(`/api/v1/groups/${encodeURIComponent(name)}`, {
    plan: options.plan,
    image: options.image,
    mode: options.mode,
    comment: options.comment,
  });
  out.result(group, () => `group ${group.name} is set; ${group.machineCount} machines are in it`);
}

async function removeGroup(name: string, options: GroupOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  await connection.api.delete(`/api/v1/groups/${encodeURIComponent(name)}`);
  out.result({ removed: name }, () => `removed group ${name}`);
}
