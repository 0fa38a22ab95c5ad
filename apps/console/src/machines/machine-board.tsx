import { useMediaQuery } from "@mantine/hooks";
import { type ReactElement, type ReactNode, useCallback, useEffect, useRef } from "react";
import { useLocation, useNavigate } from "react-router";
import { STATION_EXPLANATIONS, STATION_LABELS, type Station, STATIONS } from "../boot/boot-track.ts";
import { formatCount } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import { useVirtualRows } from "../parts/use-virtual-rows.ts";
import type { Sort } from "./machine-selection.ts";
import { MachineRow } from "./machine-row.tsx";
import "./machine-board.css";

const ROW_PX = 50;
const NARROW_ROW_PX = 92;
const HEAD_PX = 42;
/** The card's upper and lower line. */
const BORDERS_PX = 2;

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
  const headPx = narrow ? 0 : HEAD_PX;
  const { rows, totalPx, reveal } = useVirtualRows({ scroller, count: ids.length, rowPx, headPx });
  const open = useCallback(
    (machineId: string): void => {
      void navigate({ pathname: `/machines/${machineId}`, search });
    },
    [navigate, search],
  );

  useEffect(() => {
    const element = scroller.current;
    function moveFocus(event: KeyboardEvent): void {
      const step = STEPS[event.key];
      const from = (event.target as HTMLElement).dataset["rowLink"];
      if (step === undefined || from === undefined) return;
      event.preventDefault();
      const to = Math.min(ids.length - 1, Math.max(0, Number(from) + step));
      reveal(to);
      focusRow(element, to, FOCUS_FRAMES);
    }
    element?.addEventListener("keydown", moveFocus);
    return () => element?.removeEventListener("keydown", moveFocus);
  }, [ids.length, reveal]);

  return (
    <div className="board virtual card" style={{ height: headPx + totalPx + BORDERS_PX }}>
      <div className="board-scroller" ref={scroller}>
        <table aria-label="Machines" aria-rowcount={ids.length + 1}>
          {!narrow && (
            <thead>
              <tr className="board-head" aria-rowindex={1}>
                <Head by="state" {...{ sort, onSort }}>
                  State
                </Head>
                <Head by="name" {...{ sort, onSort }}>
                  Machine
                </Head>
                <th scope="col">Boots</th>
                <StationHead {...props} />
                <Head by="traffic" {...{ sort, onSort }}>
                  Disk traffic
                </Head>
                <Head by="event" {...{ sort, onSort }}>
                  Last event
                </Head>
              </tr>
            </thead>
          )}
          <tbody style={{ height: totalPx }}>
            {rows.map(({ index, topPx }) => {
              const machine = machines.get(ids[index] ?? "");
              return machine === undefined ? null : (
                <MachineRow
                  key={machine.id}
                  machine={machine}
                  index={index}
                  topPx={topPx}
                  heightPx={rowPx}
                  selected={machine.id === selectedId}
                  narrow={narrow}
                  onOpen={open}
                />
              );
            })}
          </tbody>
        </table>
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

const FOCUS_FRAMES = 10;

/** Puts the focus on a row's link once the row was made, which takes a frame or two after a jump. */
function focusRow(scroller: HTMLElement | null, index: number, frames: number): void {
  const link = scroller?.querySelector<HTMLElement>(`[data-row-link="${index}"]`);
  if (link) link.focus({ preventScroll: true });
  else if (frames > 0) requestAnimationFrame(() => focusRow(scroller, index, frames - 1));
}

function Head(props: {
  readonly by: Sort;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly children: ReactNode;
}): ReactElement {
  const active = props.sort === props.by;
  return (
    <th scope="col" aria-sort={active ? ORDERS[props.by] : "none"}>
      <button type="button" className="board-sort" onClick={() => props.onSort(props.by)}>
        {props.children}
        <span aria-hidden="true">{active ? (ORDERS[props.by] === "ascending" ? "↑" : "↓") : ""}</span>
      </button>
    </th>
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
    <th scope="col" className="stations" aria-label="Boot timeline">
      {STATIONS.map((each) => {
        const count = stationCounts.get(each) ?? 0;
        return (
          <button
            key={each}
            type="button"
            className={`stations-item${each === station ? " stations-chosen" : ""}`}
            disabled={count === 0 && each !== station}
            aria-pressed={each === station}
            title={`${STATION_EXPLANATIONS[each]} Machines that are here now: ${formatCount(count)}.`}
            onClick={() => onStation(each === station ? undefined : each)}
          >
            <span className="clip">{STATION_LABELS[each]}</span>
            {count > 0 && <b>{formatCount(count)}</b>}
          </button>
        );
      })}
    </th>
  );
}
