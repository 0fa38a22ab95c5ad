import type { Session, SessionFlow } from "@ingot/api";
import { useMediaQuery } from "@mantine/hooks";
import { memo, type NamedExoticComponent, type ReactElement, type ReactNode, useRef } from "react";
import { Link } from "react-router";
import { formatBytes, formatRate } from "../format/bytes.ts";
import { formatCount } from "../format/count.ts";
import { formatMoment } from "../format/duration.ts";
import { formatPerSecond } from "../format/latency.ts";
import { useFleet } from "../live/live-context.tsx";
import { Ago } from "../machines/machine-row.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { useVirtualRows } from "../parts/use-virtual-rows.ts";
import { Latency } from "./latency.tsx";
import type { SessionSort } from "./session-selection.ts";

const ROW_PX = 48;
const NARROW_ROW_PX = 76;
const HEAD_PX = 34;

interface TableProps {
  readonly sessions: readonly Session[];
  readonly sort: SessionSort;
  readonly onSort: (sort: SessionSort) => void;
}

/** Sessions as rows, of which only those on the screen exist. */
export function SessionTable({ sessions, sort, onSort }: TableProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const narrow = useMediaQuery("(max-width: 860px)", false, { getInitialValueInEffect: false });
  const rowPx = narrow ? NARROW_ROW_PX : ROW_PX;
  const { rows, totalPx } = useVirtualRows({ scroller, count: sessions.length, rowPx, headPx: HEAD_PX });
  return (
    <div className="sessions-board virtual card" ref={scroller}>
      <table aria-label="Sessions" aria-rowcount={sessions.length + 1}>
        <thead>
          <tr className="session-row session-head" aria-rowindex={1}>
            <Head by="machine" {...{ sort, onSort }}>
              Machine
            </Head>
            <th scope="col">Initiator</th>
            <th scope="col">
              <span className="visually-hidden">Curve of the last moments</span>
            </th>
            <Head by="read" {...{ sort, onSort }}>
              Read
            </Head>
            <Head by="write" {...{ sort, onSort }}>
              Written
            </Head>
            <Head by="latency" {...{ sort, onSort }}>
              <span>
                Latency<span className="session-head-more">, half and 99 of 100</span>
              </span>
            </Head>
            <Head by="failed" {...{ sort, onSort }}>
              Failed
            </Head>
            <Head by="waiting" {...{ sort, onSort }}>
              Waiting
            </Head>
            <Head by="since" {...{ sort, onSort }}>
              Since
            </Head>
          </tr>
        </thead>
        <tbody style={{ height: totalPx }}>
          {rows.map(({ index, topPx }) => {
            const session = sessions[index];
            return session === undefined ? null : (
              <Row key={session.id} session={session} index={index} topPx={topPx} heightPx={rowPx} />
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Head(props: {
  readonly by: SessionSort;
  readonly sort: SessionSort;
  readonly onSort: (sort: SessionSort) => void;
  readonly children: ReactNode;
}): ReactElement {
  const { by, sort, onSort, children } = props;
  const order = by === "machine" ? "ascending" : "descending";
  return (
    <th scope="col" aria-sort={sort === by ? order : "none"}>
      <button type="button" className="board-sort" onClick={() => onSort(by)}>
        {children}
        <span aria-hidden="true">{sort === by ? (order === "ascending" ? "↑" : "↓") : ""}</span>
      </button>
    </th>
  );
}

interface RowProps {
  readonly session: Session;
  readonly index: number;
  readonly topPx: number;
  readonly heightPx: number;
}

const Row: NamedExoticComponent<RowProps> = memo(function Row({ session, index, topPx, heightPx }) {
  const sinceMs = Date.parse(session.since);
  return (
    <tr
      className="session-row virtual-slot"
      aria-rowindex={index + 2}
      data-session={session.id}
      style={{ height: heightPx, transform: `translateY(${topPx}px)` }}
    >
      <td className="row-two">
        <MachineName session={session} />
        <span className="faint clip">
          {session.image === undefined ? "lists the targets" : `${session.image.name}:${session.image.version}`}
        </span>
      </td>
      <td className="row-two session-initiator">
        <span className="mono clip" title={`${session.initiator}, ISID ${session.isid}`}>
          {session.initiator}
        </span>
        <span className="mono faint clip" title={`through ${session.portal}, worker ${session.worker}`}>
          {session.peer}
        </span>
      </td>
      <td className="session-curve">
        <Curve id={session.id} />
      </td>
      <td className="row-two">
        <Flow flow={session.read} />
      </td>
      <td className="row-two session-written">
        <Flow flow={session.write} />
      </td>
      <td className="row-two session-latency">
        <Latency what="read" flow={session.read} />
        <Latency what="write" flow={session.write} />
      </td>
      <td className={session.failedCommands > 0 ? "session-failed tone-text-failed" : "session-failed faint"}>
        {session.failedCommands === 0 ? "–" : formatCount(session.failedCommands)}
        {session.failedCommands > 0 && <span className="session-unit"> failed</span>}
      </td>
      <td className="row-two session-waiting">
        <span className={session.openCommands > 0 ? "" : "faint"}>{formatCount(session.openCommands)}</span>
        {session.queuedBytes > 0 && <span className="faint clip">{formatBytes(session.queuedBytes)}</span>}
      </td>
      <td className="faint session-since" title={formatMoment(sinceMs)}>
        <Ago atMs={sinceMs} />
      </td>
    </tr>
  );
});

function MachineName({ session }: { readonly session: Session }): ReactElement {
  const { machine } = session;
  const name = useFleet((fleet) => (machine === undefined ? undefined : fleet.machines.get(machine)?.name));
  if (machine === undefined) return <span className="quiet">Discovery</span>;
  return (
    <Link className="row-name clip" to={`/machines/${machine}`}>
      {name ?? session.machineName ?? machine}
    </Link>
  );
}

function Curve({ id }: { readonly id: string }): ReactElement {
  const history = useFleet((fleet) => fleet.sessionRates.get(id));
  return <Sparkline values={history?.values ?? []} width={72} height={24} />;
}

function Flow({ flow }: { readonly flow: SessionFlow }): ReactElement {
  if (flow.commandsPerSecond === 0) {
    return (
      <>
        <span className="faint">idle</span>
        <span className="faint clip">{formatBytes(flow.bytes)} so far</span>
      </>
    );
  }
  return (
    <>
      <b className="session-rate">{formatRate(flow.bytesPerSecond)}</b>
      <span className="faint clip">{formatPerSecond(flow.commandsPerSecond)}</span>
    </>
  );
}
