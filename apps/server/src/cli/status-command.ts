import { MACHINE_STATES, type Status } from "@ingot/api";
import { Command } from "commander";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatBytes, formatFacts, formatTable, processOutput } from "./output.ts";

/** `ingot status` */
export function statusCommand(): Command {
  return new Command("status")
    .description("the server, its services, machines, images and traffic at a glance")
    .addHelpText("after", "\nExamples:\n  ingot status\n  ingot status --json")
    .action(showStatus);
}

async function showStatus(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const status = await connection.api.get<Status>("/api/v1/status");
  out.result({ ...status, running: connection.live }, () => describeStatus(status, connection.live));
}

function describeStatus(status: Status, live: boolean): string {
  const { counts, store, traffic } = status;
  const states = MACHINE_STATES.filter((state) => counts.machinesByState[state] > 0).map(
    (state) => `${counts.machinesByState[state]} ${state}`,
  );
  const shared = store.chunkBytes === 0 ? "" : ` (${(store.imageBytes / store.chunkBytes).toFixed(1)} x shared)`;
  const facts = formatFacts([
    ["server", live ? `running since ${status.startedAt}` : "not running"],
    ["version", status.version],
    ["machines", `${counts.machines}${states.length > 0 ? `: ${states.join(", ")}` : ""}`],
    [
      "images",
      `${counts.images} with ${counts.imageVersions} versions, ${formatBytes(store.packBytes)} stored${shared}`,
    ],
    ["disks", `${counts.disks}, ${formatBytes(store.overlayBytes)} in overlays, ${counts.sessions} sessions`],
    ["free", store.freeBytes === undefined ? undefined : formatBytes(store.freeBytes)],
    [
      "traffic",
      live
        ? `${formatBytes(traffic.readBytesPerSecond)}/s read, ${formatBytes(traffic.writtenBytesPerSecond)}/s written`
        : undefined,
    ],
  ]);
  if (!live) return facts;
  const services = formatTable(
    ["SERVICE", "STATE", "ADDRESS", ""],
    status.services.map((service) => [service.name, service.state, service.address ?? "", service.detail ?? ""]),
    "no services",
  );
  return `${facts}\n\n${services}`;
}
