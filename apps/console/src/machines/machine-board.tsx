import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactElement, type ReactNode, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { STATION_EXPLANATIONS, STATION_LABELS, type Station, STATIONS } from "../boot/boot-track.ts";
import { formatCount } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import type { Sort } from "./machine-selection.ts";
import { MachineRow } from "./machine-row.tsx";
import "./machine-board.css";

const ROW_PX = 50;
const NARROW_ROW_PX = 92;

interface BoardProps {
  readonly ids: readonly string[];
  readonly selectedId: string | undefined;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly stationCounts: ReadonlyMap<Station, number>;
  readonly station: Station | undefined;
  readonly onStation: (station: Station | undefined) => void;
}

/** The table of machines. Only the rows on the screen exist. Arrow keys go from machine to machine. */
export function MachineBoard(props: BoardProps): ReactElement {
  const { ids, selectedId, sort, onSort } = props;
  const machines = useFleet((fleet) => fleet.machines);
  const narrow = useMediaQuery("(max-width: 860px)", false, { getInitialValueInEffect: false });
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const { search } = useLocation();
  const rowPx = narrow ? NARROW_ROW_PX : ROW_PX;
  const virtualizer = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 8,
    getItemKey: (index) => ids[index] ?? index,
  });

  function moveFocus(event: KeyboardEvent): void {
    const step = STEPS[event.key];
    const from = (event.target as HTMLElement).closest<HTMLElement>("[data-row-link]")?.dataset["rowLink"];
    if (step === undefined || from === undefined) return;
    event.preventDefault();
    const to = Math.min(ids.length - 1, Math.max(0, Number(from) + step));
    virtualizer.scrollToIndex(to, { align: "auto" });
    // The row may have to be made first.
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row-link="${to}"]`)?.focus());
  }

  return (
    <div className="board card" role="table" aria-label="Machines" aria-rowcount={ids.length + 1}>
      {!narrow && (
        <div className="board-head" role="row" aria-rowindex={1}>
          <Head by="state" {...{ sort, onSort }}>
            State
          </Head>
          <Head by="name" {...{ sort, onSort }}>
            Machine
          </Head>
          <div role="columnheader">Boots</div>
          <StationHead {...props} />
          <Head by="traffic" {...{ sort, onSort }}>
            Disk traffic
          </Head>
          <Head by="event" {...{ sort, onSort }}>
            Last event
          </Head>
        </div>
      )}
      {/* The keys move the focus among the links inside; the scroller itself is no control. */}
      <div className="board-scroller" ref={scroller} role="rowgroup" onKeyDown={moveFocus}>
        <div style={{ height: virtualizer.getTotalSize(), position: "relative" }} role="presentation">
          {virtualizer.getVirtualItems().map((item) => {
            const id = ids[item.index];
            const machine = id === undefined ? undefined : machines.get(id);
            if (machine === undefined) return null;
            return (
              <div
                key={machine.id}
                role="presentation"
                className="board-slot"
                style={{ height: rowPx, transform: `translateY(${item.start}px)` }}
                onClick={(event) => {
                  if ((event.target as HTMLElement).closest("a") === null) {
                    void navigate({ pathname: `/machines/${machine.id}`, search });
                  }
                }}
              >
                <MachineRow machine={machine} index={item.index} selected={machine.id === selectedId} narrow={narrow} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

const STEPS: Readonly<Record<string, number>> = {
  ArrowDown: 1,
  ArrowUp: -1,
  PageDown: 12,
  PageUp: -12,
  Home: Number.NEGATIVE_INFINITY,
  End: Number.POSITIVE_INFINITY,
};

function Head(props: {
  readonly by: Sort;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly children: ReactNode;
}): ReactElement {
  const active = props.sort === props.by;
  return (
    <div role="columnheader" aria-sort={active ? ORDERS[props.by] : "none"}>
      <button type="button" className="board-sort" onClick={() => props.onSort(props.by)}>
        {props.children}
        <span aria-hidden="true">{active ? (ORDERS[props.by] === "ascending" ? "↑" : "↓") : ""}</span>
      </button>
    </div>
  );
}

const ORDERS: Readonly<Record<Sort, "ascending" | "descending">> = {
  name: "ascending",
  state: "ascending",
  traffic: "descending",
  event: "descending",
};

/** Names the stations above the tracks and says how many machines stand at each now; a click shows only those. */
function StationHead({ stationCounts, station, onStation }: BoardProps): ReactElement {
  return (
    <div role="columnheader" className="stations" aria-label="Boot timeline">
      {STATIONS.map((each) => {
        const count = stationCounts.get(each) ?? 0;
        return (
          <button
            key={each}
            type="button"
            className={`stations-item${each === station ? " stations-chosen" : ""}`}
            disabled={count === 0 && each !== station}
            aria-pressed={each === station}
            title={`${STATION_EXPLANATIONS[each]} ${formatCount(count)} machines are here now.`}
            onClick={() => onStation(each === station ? undefined : each)}
          >
            <span className="clip">{STATION_LABELS[each]}</span>
            {count > 0 && <b>{formatCount(count)}</b>}
          </button>
        );
      })}
    </div>
  );
}
