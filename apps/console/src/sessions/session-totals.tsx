import type { Session } from "@ingot/api";
import { type ReactElement, type ReactNode, useMemo } from "react";
import { Link } from "react-router";
import { formatRate } from "../format/bytes.ts";
import { formatCount, formatCountOf } from "../format/count.ts";
import { formatMicros, formatPerSecond } from "../format/latency.ts";
import { useFleet, useNow } from "../live/live-context.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { sumSessions, worstP99 } from "./session-selection.ts";

const REFUSED_WITHIN_MS = 10 * 60_000;

/** What all sessions together do, and who was turned away lately. */
export function SessionTotals({ sessions }: { readonly sessions: ReadonlyMap<string, Session> }): ReactElement {
  const sums = useMemo(() => sumSessions(sessions.values()), [sessions]);
  const reads = useFleet((fleet) => fleet.readRates);
  const writes = useFleet((fleet) => fleet.writeRates);
  const { slowest } = sums;
  return (
    <dl className="session-totals card">
      <Total name="Sessions" value={formatCount(sums.sessions)}>
        of {formatCountOf(sums.machines, "machine")}, {formatCount(sums.busy)} busy
      </Total>
      <Total
        name="Read now"
        value={formatRate(sums.readBytesPerSecond)}
        picture={<Sparkline values={reads.values} width={72} height={30} />}
      >
        {formatPerSecond(sums.readsPerSecond)}
      </Total>
      <Total
        name="Written now"
        value={formatRate(sums.writtenBytesPerSecond)}
        picture={<Sparkline values={writes.values} width={72} height={30} color="var(--boot)" />}
      >
        {formatPerSecond(sums.writesPerSecond)}
      </Total>
      <Total name="Slowest" value={slowest === undefined ? "–" : formatMicros(worstP99(slowest))}>
        {slowest === undefined ? "nothing moves" : <MachineLink session={slowest} />}
      </Total>
      <Total name="Failed commands" value={formatCount(sums.failedCommands)}>
        {sums.failing === 0 ? "in no session" : `in ${formatCountOf(sums.failing, "session")}`}
      </Total>
      <Refused />
    </dl>
  );
}

function Total(props: {
  readonly name: string;
  readonly value: string;
  readonly picture?: ReactNode;
  readonly tone?: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <b className={props.tone}>{props.value}</b>
        <span className="faint clip">{props.children}</span>
      </dd>
      {props.picture}
    </div>
  );
}

function MachineLink({ session }: { readonly session: Session }): ReactElement | string {
  if (session.machine === undefined) return "discovery";
  return <Link to={`/machines/${session.machine}`}>{session.machineName ?? session.machine}</Link>;
}

/** Logins that were refused in the last minutes, by entries of the log: each stands for one initiator and one reason. */
function Refused(): ReactElement {
  const nowMs = useNow();
  const events = useFleet((fleet) => fleet.events);
  const refused = events.filter(
    (event) => event.kind === "disk.refused" && nowMs - Date.parse(event.at) < REFUSED_WITHIN_MS,
  );
  const initiators = new Set(refused.map((event) => event.data?.["initiator"] ?? event.data?.["peer"]));
  return (
    <Total
      name="Turned away"
      value={formatCount(initiators.size)}
      {...(initiators.size > 0 && { tone: "tone-text-failed" })}
    >
      {initiators.size === 0 ? "in the last 10 minutes" : <Link to="/events?q=disk.refused">see why in the log</Link>}
    </Total>
  );
}
