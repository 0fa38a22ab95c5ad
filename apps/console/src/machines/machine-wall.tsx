import type { Machine } from "@ingot/api";
import { useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { type MouseEvent, type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import { useLocation, useNavigate } from "react-router";
import { STATION_LABELS, STATIONS, stationReached } from "../boot/boot-track.ts";
import { formatCountOf } from "../format/count.ts";
import { useFleet } from "../live/live-context.tsx";
import { StateMark } from "./state-mark.tsx";
import { layoutWall, machineAt, WALL_LABEL_PX, type WallGroup, type WallLayout } from "./wall-layout.ts";
import { STATE_TONES } from "./machine-words.ts";
import "./machine-wall.css";

/**
 * Every machine as one small field, by group: the whole fleet at one glance. A field fills from below as its machine boots.
 * It is a picture for the pointer; the rows show the same to the keyboard and to whoever listens.
 */
export function MachineWall({ ids }: { readonly ids: readonly string[] }): ReactElement {
  const machines = useFleet((fleet) => fleet.machines);
  const scheme = useComputedColorScheme("dark");
  const navigate = useNavigate();
  const { search } = useLocation();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { ref: frame, width, height } = useElementSize<HTMLDivElement>();
  const [pointedId, setPointedId] = useState<string>();
  const groups = useMemo(() => groupMachines(ids, machines), [ids, machines]);
  const layout = useMemo(() => layoutWall(groups, Math.max(1, width), height), [groups, width, height]);
  const pointed = pointedId === undefined ? undefined : machines.get(pointedId);

  useEffect(() => {
    if (canvas.current !== null && width > 0) drawWall(canvas.current, layout, width, machines);
  }, [layout, width, machines, scheme]);

  function find(event: MouseEvent<HTMLCanvasElement>): string | undefined {
    const box = event.currentTarget.getBoundingClientRect();
    return machineAt(layout, event.clientX - box.left, event.clientY - box.top);
  }

  return (
    <div className="wall card">
      <div className="wall-frame" ref={frame}>
        <canvas
          ref={canvas}
          aria-label={`${formatCountOf(ids.length, "machine")} in ${formatCountOf(groups.length, "group")}, each a field in the colour of its state`}
          style={{ width, height: layout.heightPx, cursor: pointedId === undefined ? "default" : "pointer" }}
          onMouseMove={(event) => setPointedId(find(event))}
          onMouseLeave={() => setPointedId(undefined)}
          onClick={(event) => {
            const id = find(event);
            if (id !== undefined) void navigate({ pathname: `/machines/${id}`, search });
          }}
        />
      </div>
      <div className="wall-foot">
        {pointed === undefined ? <span className="faint">Point at a machine</span> : <Pointed machine={pointed} />}
      </div>
    </div>
  );
}

function Pointed({ machine }: { readonly machine: Machine }): ReactElement {
  const station = machine.boot === undefined ? undefined : stationReached(machine.boot);
  return (
    <>
      <b>{machine.name}</b>
      <StateMark state={machine.state} />
      {machine.state === "booting" && station !== undefined && <span>at {STATION_LABELS[station]}</span>}
      {machine.state === "failed" && <span>{machine.boot?.failure}</span>}
      <span className="mono faint">{machine.macs[0]}</span>
      <span className="faint">{machine.address}</span>
    </>
  );
}

function groupMachines(ids: readonly string[], machines: ReadonlyMap<string, Machine>): readonly WallGroup[] {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const name = machines.get(id)?.group ?? "";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [id]);
    else group.push(id);
  }
  return [...groups].map(([name, members]) => ({ name: name === "" ? "no group" : name, ids: members }));
}

function drawWall(
  canvas: HTMLCanvasElement,
  layout: WallLayout,
  width: number,
  machines: ReadonlyMap<string, Machine>,
): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const scale = window.devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(layout.heightPx * scale);
  context.scale(scale, scale);
  const style = getComputedStyle(canvas);
  const color = (name: string): string => style.getPropertyValue(`--${name}`);
  context.font = `10px ${style.fontFamily}`;
  context.textBaseline = "top";
  const size = layout.cellPx - (layout.cellPx > 12 ? 3 : 2);
  for (const block of layout.blocks) {
    context.globalAlpha = 1;
    context.fillStyle = color("text-3");
    context.fillText(block.name, block.x, block.y, Math.max(block.columns * layout.cellPx, 24));
    block.ids.forEach((id, index) => {
      const machine = machines.get(id);
      if (machine === undefined) return;
      const x = block.x + (index % block.columns) * layout.cellPx;
      const y = block.y + WALL_LABEL_PX + Math.floor(index / block.columns) * layout.cellPx;
      const tone = color(STATE_TONES[machine.state]);
      const fill = fillOf(machine);
      context.fillStyle = fill < 1 ? color("track") : tone;
      context.globalAlpha = fill < 1 ? 1 : ALPHAS[machine.state];
      context.fillRect(x, y, size, size);
      if (fill >= 1) return;
      context.fillStyle = tone;
      context.globalAlpha = ALPHAS[machine.state];
      context.fillRect(x, y + size * (1 - fill), size, size * fill);
    });
  }
}

/** What is well keeps quiet here too; what moves or failed is bright. */
const ALPHAS: Readonly<Record<Machine["state"], number>> = {
  failed: 1,
  booting: 1,
  running: 0.42,
  up: 0.62,
  new: 0.8,
  off: 0.3,
};

/** How far a machine that boots has come, 0 to 1; all others are full. */
function fillOf(machine: Machine): number {
  if (machine.state !== "booting" || machine.boot === undefined) return 1;
  const station = stationReached(machine.boot);
  return station === undefined ? 0.1 : (STATIONS.indexOf(station) + 1) / (STATIONS.length + 1);
}
