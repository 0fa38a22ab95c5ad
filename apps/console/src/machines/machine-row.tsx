import type { Machine } from "@ingot/api";
import { memo, type NamedExoticComponent, type ReactElement } from "react";
import { Link, useLocation } from "react-router";
import { BootTrackBar } from "../boot/boot-track-bar.tsx";
import { formatRate } from "../format/bytes.ts";
import { formatAgo, formatMoment } from "../format/duration.ts";
import { useFleet, useNow } from "../live/live-context.tsx";
import { Sparkline } from "../parts/sparkline.tsx";
import { FIRMWARE_LABELS, imageText, MODE_LABELS, PLAN_LABELS } from "./machine-words.ts";
import { StateMark } from "./state-mark.tsx";

interface RowProps {
  readonly machine: Machine;
  readonly index: number;
  readonly topPx: number;
  readonly heightPx: number;
  readonly selected: boolean;
  readonly narrow: boolean;
  readonly onOpen: (machineId: string) => void;
}

/** One machine of the board. Renders again only when the machine itself changed. */
export const MachineRow: NamedExoticComponent<RowProps> = memo(function MachineRow(props) {
  const { machine, index, topPx, heightPx, selected, narrow, onOpen } = props;
  return (
    <tr
      className={`row row-${machine.state}${selected ? " row-selected" : ""}`}
      style={{ height: heightPx, transform: `translateY(${topPx}px)` }}
      aria-rowindex={index + 2}
      data-machine={machine.id}
      data-state={machine.state}
      onClick={(event) => {
        // The whole row is a large target for the pointer; for the keyboard the name is the link.
        if ((event.target as HTMLElement).closest("a") === null) onOpen(machine.id);
      }}
    >
      {narrow ? <NarrowCells machine={machine} index={index} /> : <WideCells machine={machine} index={index} />}
    </tr>
  );
});

interface CellsProps {
  readonly machine: Machine;
  readonly index: number;
}

function WideCells({ machine, index }: CellsProps): ReactElement {
  return (
    <>
      <td>
        <StateMark state={machine.state} />
      </td>
      <td className="row-two">
        <span className="row-line">
          <NameLink machine={machine} index={index} />
          <span className="row-firmware">{FIRMWARE_LABELS[machine.firmware]}</span>
        </span>
        <span className="mono faint clip" title={machine.macs.join(", ")}>
          {machine.macs[0]}
          {machine.address !== undefined && <span className="row-address">{machine.address}</span>}
        </span>
      </td>
      <td className="row-two row-boots">
        <Boots machine={machine} />
      </td>
      <td>
        <BootTrackBar machine={machine} />
      </td>
      <td className="row-traffic">
        <Traffic machine={machine} />
      </td>
      <td className="row-two row-event">
        <LastEvent event={machine.lastEvent} />
      </td>
    </>
  );
}

function NarrowCells({ machine, index }: CellsProps): ReactElement {
  return (
    <>
      <td className="row-top">
        <NameLink machine={machine} index={index} />
        <StateMark state={machine.state} />
      </td>
      <td>
        <BootTrackBar machine={machine} />
      </td>
      <td className="row-bottom faint">
        <span className="mono clip">{machine.macs[0]}</span>
        <span className="clip">
          {machine.image === undefined ? PLAN_LABELS[machine.plan] : imageText(machine.image)}
        </span>
      </td>
    </>
  );
}

function NameLink({ machine, index }: CellsProps): ReactElement {
  const { search } = useLocation();
  return (
    <Link className="row-name clip" to={{ pathname: `/machines/${machine.id}`, search }} data-row-link={index}>
      {machine.name}
    </Link>
  );
}

function Boots({ machine }: { readonly machine: Machine }): ReactElement {
  if (machine.plan !== "diskless") return <span className="clip quiet">{PLAN_LABELS[machine.plan]}</span>;
  return (
    <>
      {machine.image === undefined ? (
        <span className="clip row-missing">No image set</span>
      ) : (
        <span className="clip">{imageText(machine.image)}</span>
      )}
      <span className="clip faint">{MODE_LABELS[machine.mode]}</span>
    </>
  );
}

function Traffic({ machine }: { readonly machine: Machine }): ReactElement {
  const history = useFleet((fleet) => fleet.rates.get(machine.id));
  const { readBytesPerSecond, writtenBytesPerSecond } = machine.traffic;
  const rate = readBytesPerSecond + writtenBytesPerSecond;
  if (rate === 0 && history === undefined) return <span className="faint">–</span>;
  return (
    <>
      <Sparkline values={history?.values ?? []} width={52} height={20} />
      <span className={rate === 0 ? "faint" : ""}>{rate === 0 ? "idle" : formatRate(rate)}</span>
    </>
  );
}

function LastEvent({ event }: { readonly event: Machine["lastEvent"] }): ReactElement {
  if (event === undefined) return <span className="faint">–</span>;
  const atMs = Date.parse(event.at);
  return (
    <>
      <span className="clip quiet" title={event.message}>
        {event.message}
      </span>
      <span className="faint" title={formatMoment(atMs)}>
        <Ago atMs={atMs} />
      </span>
    </>
  );
}

/** How long ago something was, kept up to date. */
export function Ago({ atMs }: { readonly atMs: number }): string {
  return formatAgo(atMs, useNow());
}
