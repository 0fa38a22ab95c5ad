import type { Machine, Session, SessionFlow } from "@ingot/api";
import { type ReactElement, useMemo } from "react";
import { Link } from "react-router";
import { formatBytes, formatRate } from "../format/bytes.ts";
import { formatCountOf } from "../format/count.ts";
import { formatMoment } from "../format/duration.ts";
import { formatPerSecond } from "../format/latency.ts";
import { useFleet } from "../live/live-context.tsx";
import { Ago } from "../machines/machine-row.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { Latency } from "./latency.tsx";
import { useSessions } from "./use-sessions.ts";
import "./machine-sessions.css";

/** The sessions on one machine's disk, in its drawer; nothing where none is open. */
export function MachineSessions({ machine }: { readonly machine: Machine }): ReactElement | null {
  const { sessions } = useSessions();
  const own = useMemo(
    () => [...sessions.values()].filter((session) => session.machine === machine.id),
    [sessions, machine.id],
  );
  if (own.length === 0) return null;
  return (
    <section aria-label="Sessions">
      <h3 className="section-title">
        {own.length === 1 ? "Session" : "Sessions"}
        <span>
          <Link className="quiet" to="/sessions">
            All sessions
          </Link>
        </span>
      </h3>
      <ul className="machine-sessions">
        {own.map((session) => (
          <Entry key={session.id} session={session} />
        ))}
      </ul>
    </section>
  );
}

function Entry({ session }: { readonly session: Session }): ReactElement {
  const history = useFleet((fleet) => fleet.sessionRates.get(session.id));
  const sinceMs = Date.parse(session.since);
  return (
    <li data-session={session.id}>
      <p className="machine-session-head">
        <span className="mono clip" title={session.initiator}>
          {session.initiator}
        </span>
        <span className="mono faint">{session.peer}</span>
        <span className="faint" title={formatMoment(sinceMs)}>
          <Ago atMs={sinceMs} />
        </span>
      </p>
      <div className="machine-session-figures">
        <Flow name="Read" flow={session.read} />
        <Flow name="Written" flow={session.write} />
        <div className="machine-session-latency">
          <Latency what="read" flow={session.read} />
          <Latency what="write" flow={session.write} />
        </div>
        <Sparkline values={history?.values ?? []} width={96} height={32} />
      </div>
      {(session.failedCommands > 0 || session.openCommands > 0) && (
        <p className="machine-session-foot">
          {session.failedCommands > 0 && (
            <span className="tone-text-failed">{formatCountOf(session.failedCommands, "command")} failed</span>
          )}
          {session.openCommands > 0 && (
            <span className="quiet">{formatCountOf(session.openCommands, "command")} under way</span>
          )}
        </p>
      )}
    </li>
  );
}

function Flow({ name, flow }: { readonly name: string; readonly flow: SessionFlow }): ReactElement {
  const moves = flow.commandsPerSecond > 0;
  return (
    <div className="row-two">
      <span>
        <span className="faint">{name}</span> <b>{moves ? formatRate(flow.bytesPerSecond) : "idle"}</b>
      </span>
      <span className="faint">
        {formatBytes(flow.bytes)}
        {moves && `, ${formatPerSecond(flow.commandsPerSecond)}`}
      </span>
    </div>
  );
}
