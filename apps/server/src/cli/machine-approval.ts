import type { Agent } from "@ingot/api";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatAgo, formatTable, processOutput } from "./output.ts";

/** `ingot machine approve` */
export async function approveMachines(who: readonly string[], options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const agents: Agent[] = [];
  for (const one of who) agents.push(await connection.api.post<Agent>("/api/v1/agents/approve", { who: one }));
  out.result(agents, () => agents.map((agent) => `${agent.machineName ?? agent.id} is let in`).join("\n"));
}

/** `ingot machine waiting` */
export async function listWaiting(options: CommonOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const waiting = await connection.api.list<Agent>("/api/v1/agents?state=waiting");
  const quarantined = await connection.api.list<Agent>("/api/v1/agents?state=quarantined");
  const agents = [...quarantined, ...waiting];
  const now = Date.now();
  out.result(agents, () =>
    formatTable(
      ["CODE", "MACHINE", "STATE", "FROM", "HEARD", "WHY"],
      agents.map((agent) => [
        agent.code ?? "-",
        agent.machineName ?? "-",
        agent.state,
        agent.address ?? "-",
        formatAgo(agent.lastSeenAt, now),
        agent.reason,
      ]),
      "nobody waits",
    ),
  );
}
