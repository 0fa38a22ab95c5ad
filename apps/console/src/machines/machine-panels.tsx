import type { Machine } from "@ingot/api";
import type { ReactElement } from "react";
import { Link, useLocation } from "react-router";
import { bootTrack } from "../boot/boot-track.ts";
import { BootWaterfall } from "../boot/boot-waterfall.tsx";
import { formatDuration } from "../format/duration.ts";
import { useFleet, useNow } from "../live/live-context.tsx";
import { StateMark } from "./state-mark.tsx";
import "./machine-panels.css";

/** The large boot timelines of a few machines side by side, where the board leaves the room for them. */
export function MachinePanels({ ids }: { readonly ids: readonly string[] }): ReactElement {
  const machines = useFleet((fleet) => fleet.machines);
  return (
    <div className="panels">
      {ids.map((id) => {
        const machine = machines.get(id);
        return machine?.boot === undefined ? null : <Panel key={id} machine={machine} />;
      })}
    </div>
  );
}

function Panel({ machine }: { readonly machine: Machine }): ReactElement | null {
  const nowMs = useNow();
  const { search } = useLocation();
  const track = bootTrack(machine, nowMs);
  if (track === undefined) return null;
  return (
    <section className="panel card" aria-label={`Boot of ${machine.name}`}>
      <header className="panel-head">
        <Link className="row-name clip" to={{ pathname: `/machines/${machine.id}`, search }}>
          {machine.name}
        </Link>
        <StateMark state={machine.state} />
        <span className="faint">Boot {track.bootId}</span>
        <b>{formatDuration(track.totalMs)}</b>
      </header>
      <BootWaterfall track={track} />
    </section>
  );
}
