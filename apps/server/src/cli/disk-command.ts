import type { Disk } from "@ingot/api";
import { Command } from "commander";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatBytes, formatFacts, formatTable, processOutput } from "./output.ts";

/** `ingot disk …` */
export function diskCommand(): Command {
  const disk = new Command("disk")
    .description("machines' disks: their changes over an image")
    .addHelpText("after", "\nExamples:\n  ingot disk list\n  ingot disk show pc-17 --json");
  disk
    .command("list")
    .description("all disks with what each machine has changed")
    .addHelpText("after", "\nExample:\n  ingot disk list")
    .action(listDisks);
  disk
    .command("show <machine>")
    .description("where a machine's disk is offered and what it holds; from then on any initiator can use it")
    .addHelpText("after", "\nExample:\n  ingot disk show pc-17 --json")
    .action(showDisk);
  disk
    .command("reset <machine>")
    .description("throw a machine's changes away; refused while it uses the disk")
    .addHelpText("after", "\nExample:\n  ingot disk reset pc-17")
    .action(resetDisk);
  disk
    .command("remove <machine>")
    .description("remove a machine's overlay altogether; refused while it uses the disk")
    .addHelpText("after", "\nExample:\n  ingot disk remove pc-17")
    .action(removeDisk);
  return disk;
}

async function listDisks(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const disks = await connection.api.list<Disk>("/api/v1/disks");
  out.result(disks, () =>
    formatTable(
      ["MACHINE", "IMAGE", "MODE", "SIZE", "OVERLAY", "SESSIONS"],
      disks.map((d) => [
        d.machineName,
        `${d.image.name}:${d.image.version}`,
        d.mode,
        formatBytes(d.sizeBytes),
        formatBytes(d.overlayBytes),
        String(d.sessions.length),
      ]),
      "no disks; a machine gets one with --plan diskless and an image",
    ),
  );
}

async function showDisk(machine: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const disk = await connection.api.get<Disk>(pathOf(machine));
  out.result(disk, () => describeDisk(disk));
}

async function resetDisk(machine: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const disk = await connection.api.post<Disk>(`${pathOf(machine)}/reset`);
  out.result(disk, () => `the disk of ${disk.machineName} is as ${disk.image.name}:${disk.image.version} again`);
}

async function removeDisk(machine: string, options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  await connection.api.delete(pathOf(machine));
  out.result({ removed: machine }, () => `removed the disk of ${machine}`);
}

function pathOf(machine: string): string {
  return `/api/v1/disks/${encodeURIComponent(machine)}`;
}

function describeDisk(disk: Disk): string {
  return formatFacts([
    ["machine", disk.machineName],
    ["image", `${disk.image.name}:${disk.image.version}`],
    ["next boot", disk.nextVersion === undefined ? undefined : `${disk.image.name}:${disk.nextVersion}`],
    ["mode", disk.mode],
    ["portal", disk.portal],
    ["target", disk.target],
    ["lun", String(disk.lun)],
    ["size", formatBytes(disk.sizeBytes)],
    ["overlay", formatBytes(disk.overlayBytes)],
    ["sessions", disk.sessions.map((s) => `${s.initiator} from ${s.peer}`).join(", ") || "none"],
  ]);
}
