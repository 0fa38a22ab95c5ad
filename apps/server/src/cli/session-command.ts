import type { Session, SessionFlow } from "@ingot/api";
import { Command } from "commander";
import type { CommonOptions } from "./common-options.ts";
import { connect } from "./connection.ts";
import { formatAgo, formatBytes, formatTable, processOutput } from "./output.ts";

interface ListOptions extends CommonOptions {
  readonly machine?: string;
}

/** `ingot session …` */
export function sessionCommand(): Command {
  const session = new Command("session")
    .description("iSCSI sessions that are open now, and what goes over them")
    .addHelpText("after", "\nExample:\n  ingot session list");
  session
    .command("list")
    .description("all sessions with their rates, latencies (median and 99 of 100) and failed commands")
    .option("--machine <machine>", "only sessions of this machine")
    .addHelpText("after", "\nExamples:\n  ingot session list\n  ingot session list --machine pc-17 --json")
    .action(listSessions);
  return session;
}

async function listSessions(options: ListOptions): Promise<void> {
  const out = processOutput(options.json === true);
  await using connection = await connect(options.data);
  const { machine } = options;
  const query = machine === undefined ? "" : `?machine=${encodeURIComponent(machine)}`;
  const sessions = await connection.api.list<Session>(`/api/v1/sessions${query}`);
  const empty = connection.live ? "no sessions" : "no sessions; the server is not running";
  out.result(sessions, () => describeSessions(sessions, Date.now(), empty));
}

/** The sessions as a table; exported for tests. */
export function describeSessions(sessions: readonly Session[], nowMs: number, empty: string): string {
  return formatTable(
    ["MACHINE", "INITIATOR", "FROM", "SINCE", "READ", "LATENCY", "WRITTEN", "LATENCY", "FAILED", "OPEN"],
    sessions.map((session) => [
      session.machineName ?? (session.target === undefined ? "(discovery)" : "?"),
      session.initiator,
      session.peer,
      formatAgo(session.since, nowMs),
      formatFlow(session.read),
      formatLatency(session.read),
      formatFlow(session.write),
      formatLatency(session.write),
      String(session.failedCommands),
      String(session.openCommands),
    ]),
    empty,
  );
}

function formatFlow({ bytesPerSecond, commandsPerSecond }: SessionFlow): string {
  return commandsPerSecond === 0 ? "-" : `${formatBytes(bytesPerSecond)}/s, ${Math.ceil(commandsPerSecond)}/s`;
}

function formatLatency({ p50Us, p99Us }: SessionFlow): string {
  return p50Us === undefined || p99Us === undefined ? "-" : `${formatMicros(p50Us)}, ${formatMicros(p99Us)}`;
}

function formatMicros(micros: number): string {
  const short = (value: number): string => (value < 9.95 ? value.toFixed(1) : String(Math.round(value)));
  if (micros < 1000) return `${micros} µs`;
  return micros < 1_000_000 ? `${short(micros / 1000)} ms` : `${short(micros / 1_000_000)} s`;
}
