import { readFileSync } from "node:fs";
import {
  BOOT_PLANS,
  formatImageReference,
  type BootSettings,
  type CreateMachine,
  type Machine,
  type PatchMachine,
} from "@ingot/api";
import { Command, Option } from "commander";
import { messageOf, ServerError } from "../errors.ts";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { approveMachines, listWaiting } from "./machine-approval.ts";
import { formatAgo, formatBytes, formatFacts, formatTable, processOutput } from "./output.ts";

interface MachineOptions extends CommonOptions {
  readonly mac?: string[];
  readonly name?: string;
  readonly group?: string;
  readonly plan?: NonNullable<BootSettings["plan"]>;
  readonly image?: string;
  readonly mode?: NonNullable<BootSettings["mode"]>;
  readonly comment?: string;
  readonly pxeStyle?: "option43" | "port4011";
  readonly efiProgram?: "snponly" | "ipxe";
  readonly replaceFirmwareIpxe?: boolean;
  readonly chapUser?: string;
  readonly chapSecretFile?: string;
  readonly unset?: ("group" | "plan" | "image" | "mode" | "comment" | "chap")[];
}

/** `ingot machine …` */
export function machineCommand(): Command {
  const machine = new Command("machine")
    .description("the inventory: machines and what they get at their next boot")
    .addHelpText(
      "after",
      "\nExamples:\n  ingot machine list\n  ingot machine set pc-17 --plan diskless --image debian-lab",
    );
  machine
    .command("list")
    .description("all machines with their state")
    .option("--group <name>", "only this group's")
    .addHelpText("after", "\nExamples:\n  ingot machine list\n  ingot machine list --group room-3 --json")
    .action(listMachines);
  machine
    .command("show <machine>")
    .description("one machine, by name, id or MAC address, with the timeline of its last boot")
    .addHelpText("after", "\nExample:\n  ingot machine show 52:54:00:12:34:56")
    .action(showMachine);
  withSettings(machine.command("add"))
    .description("enter a machine before it boots for the first time")
    .requiredOption("--mac <address...>", "its MAC addresses")
    .addHelpText(
      "after",
      "\nExample:\n  ingot machine add --mac 52:54:00:12:34:56 --name pc-17 --plan diskless --image debian-lab",
    )
    .action(addMachine);
  withSettings(machine.command("set <machine>"))
    .description("change a machine; what is not named stays")
    .option("--mac <address...>", "replace its MAC addresses")
    .addOption(
      new Option("--unset <setting...>", "take a setting away, so that the group's or the default holds").choices([
        "group",
        "plan",
        "image",
        "mode",
        "comment",
        "chap",
      ]),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  ingot machine set pc-17 --image debian-lab:3 --mode persistent\n  ingot machine set pc-17 --mac 52:54:00:aa:bb:cc   (a replaced network card)\n  ingot machine set pc-17 --unset image",
    )
    .action(setMachine);
  machine
    .command("remove <machine>")
    .description("forget a machine and throw its disk's changes away")
    .addHelpText("after", "\nExample:\n  ingot machine remove pc-17")
    .action(removeMachine);
  machine
    .command("waiting")
    .description("machines that wait to be let in, with the codes on their screens")
    .addHelpText("after", "\nExample:\n  ingot machine waiting")
    .action(listWaiting);
  machine
    .command("approve <who...>")
    .description("let machines in that wait: by the code on the screen, or by name")
    .addHelpText("after", "\nExamples:\n  ingot machine approve KQ7-M2X\n  ingot machine approve pc-17 pc-18")
    .action(approveMachines);
  return machine;
}

function withSettings(command: Command): Command {
  return command
    .option("--name <name>", "its name")
    .option("--group <name>", "the group whose settings it inherits")
    .addOption(new Option("--plan <plan>", "what it gets at its next boot").choices(BOOT_PLANS))
    .option("--image <reference>", "NAME, NAME:VERSION or NAME:TAG")
    .addOption(
      new Option("--mode <mode>", "what becomes of its changes at the next boot").choices(["reset", "persistent"]),
    )
    .option("--comment <text>", "a remark")
    .addOption(
      new Option("--pxe-style <style>", "how its firmware finds the boot server").choices(["option43", "port4011"]),
    )
    .addOption(new Option("--efi-program <program>", "which iPXE its UEFI gets").choices(["snponly", "ipxe"]))
    .option("--replace-firmware-ipxe", "load our iPXE even where the network card runs one (BIOS)")
    .option("--chap-user <name>", "CHAP user that its disk asks for")
    .option("--chap-secret-file <file>", "file with the CHAP secret, so that it stands on no command line");
}

/** The settings that creating and changing share. */
function settingsOf(options: MachineOptions): Partial<CreateMachine> {
  const { pxeStyle, efiProgram, replaceFirmwareIpxe } = options;
  const quirks = {
    ...(pxeStyle !== undefined && { pxeStyle }),
    ...(efiProgram !== undefined && { efiProgram }),
    ...(replaceFirmwareIpxe !== undefined && { replaceFirmwareIpxe }),
  };
  const chap = chapOf(options);
  return {
    ...(options.mac !== undefined && { macs: options.mac }),
    ...(options.name !== undefined && { name: options.name }),
    ...(options.group !== undefined && { group: options.group }),
    ...(options.plan !== undefined && { plan: options.plan }),
    ...(options.image !== undefined && { image: options.image }),
    ...(options.mode !== undefined && { mode: options.mode }),
    ...(options.comment !== undefined && { comment: options.comment }),
    ...(Object.keys(quirks).length > 0 && { quirks }),
    ...(chap !== undefined && { chap }),
  };
}

function chapOf(options: MachineOptions): CreateMachine["chap"] {
  const { chapUser: user, chapSecretFile: file } = options;
  if (user === undefined && file === undefined) return undefined;
  if (user === undefined || file === undefined)
    throw new ServerError("usage", "--chap-user and --chap-secret-file go together");
  try {
    return { user, secret: readFileSync(file, "utf8").replace(/\r?\n$/, "") };
  } catch (error) {
    throw new ServerError("data-directory", `--chap-secret-file ${file}: cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function listMachines(options: MachineOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const query = options.group === undefined ? "" : `?group=${encodeURIComponent(options.group)}`;
  const machines = await connection.api.list<Machine>(`/api/v1/machines${query}`);
  const now = Date.now();
  out.result(machines, () =>
    formatTable(
      ["NAME", "MAC", "GROUP", "STATE", "PLAN", "IMAGE", "MODE", "ADDRESS", "LAST SEEN"],
      machines.map((m) => [
        m.name,
        m.macs[0] ?? "-",
        m.group ?? "-",
        m.state,
        m.plan,
        m.image === undefined ? "-" : formatImageReference(m.image),
        m.mode,
        m.address ?? "-",
        m.lastSeenAt === undefined ? "never" : formatAgo(m.lastSeenAt, now),
      ]),
      "no machines; they register themselves when they first boot from here, or: ingot machine add --mac ADDRESS",
    ),
  );
}

async function showMachine(reference: string, options: MachineOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const machine = await connection.api.get<Machine>(pathOf(reference));
  out.result(machine, () => describeMachine(machine));
}

async function addMachine(options: MachineOptions): Promise<void> {
  const out = processOutput(options.json === true);
  const body = settingsOf(options);
  await using connection = await connect(options.data);
  const machine = await connection.api.post<Machine>("/api/v1/machines", body);
  out.result(machine, () => `added ${machine.name} (${machine.macs.join(", ")})`);
}

async function setMachine(reference: string, options: MachineOptions): Promise<void> {
  const out = processOutput(options.json === true);
  const unset = Object.fromEntries((options.unset ?? []).map((name) => [name, null]));
  const patch: PatchMachine = { ...settingsOf(options), ...unset };
  if (Object.keys(patch).length === 0) throw new ServerError("usage", "machine set: nothing to change was named");
  await using connection = await connect(options.data);
  const machine = await connection.api.patch<Machine>(pathOf(reference), patch);
  out.result(machine, () => describeMachine(machine));
}

async function removeMachine(reference: string, options: MachineOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  await connection.api.delete(pathOf(reference));
  out.result({ removed: reference }, () => `removed ${reference}`);
}

function pathOf(reference: string): string {
  return `/api/v1/machines/${encodeURIComponent(reference)}`;
}

function describeMachine(m: Machine): string {
  const facts = formatFacts([
    ["name", m.name],
    ["id", m.id],
    ["mac", m.macs.join(", ")],
    ["group", m.group],
    ["comment", m.comment],
    ["hardware", [m.manufacturer, m.product, m.serial].filter((part) => part !== undefined).join(" ") || undefined],
    ["uuid", m.uuid],
    ["firmware", m.firmware],
    ["plan", `${m.plan} (${m.planFrom})`],
    ["image", m.image === undefined ? undefined : `${formatImageReference(m.image)} (${m.imageFrom})`],
    ["mode", `${m.mode} (${m.modeFrom})`],
    ["chap user", m.chap?.user],
    ["state", m.state],
    ["address", m.address],
    ["last seen", m.lastSeenAt],
    ["last event", m.lastEvent?.message],
  ]);
  if (m.boot === undefined) return facts;
  const start = Date.parse(m.boot.startedAt);
  const stages = m.boot.stages.map((s) =>
    `  +${((Date.parse(s.at) - start) / 1000).toFixed(1).padStart(5)} s  ${s.stage.padEnd(6)}  ${s.detail ?? ""}`.trimEnd(),
  );
  const bytes = `${formatBytes(m.boot.bytesRead)} read, ${formatBytes(m.boot.bytesWritten)} written`;
  return [
    facts,
    "",
    `boot ${m.boot.bootId} of ${m.boot.startedAt}: ${bytes}`,
    ...stages,
    ...(m.boot.failure === undefined ? [] : [`  failed: ${m.boot.failure}`]),
  ].join("\n");
}
