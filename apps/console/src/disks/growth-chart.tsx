import type { Disk } from "@ingot/api";
import { type PointerEvent, type ReactElement, useState } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatClock } from "../format/duration.ts";
import { useNow } from "../live/live-context.tsx";
import { growthPath } from "./growth-path.ts";
import "./growth-chart.css";

const WIDTH = 560;
const HEIGHT = 96;

/** How the overlay grew since the boot began; pointing at the curve reads it. */
export function GrowthChart({ disk }: { readonly disk: Disk }): ReactElement | null {
  const nowMs = useNow();
  const [pointed, setPointed] = useState<number>();
  const points = disk.history.map((point) => ({ atMs: Date.parse(point.at), sizeBytes: point.overlayBytes }));
  const endMs = disk.sessions.length > 0 ? nowMs : (points.at(-1)?.atMs ?? nowMs);
  const path = growthPath(points, endMs, WIDTH, HEIGHT);
  const first = points[0];
  if (path === undefined || first === undefined || points.length < 2) return null;
  const atMs = pointed === undefined ? undefined : first.atMs + pointed * (endMs - first.atMs);
  const at = atMs === undefined ? undefined : points.findLast((point) => point.atMs <= atMs);

  function point(event: PointerEvent<SVGSVGElement>): void {
    const box = event.currentTarget.getBoundingClientRect();
    setPointed(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  }

  return (
    <figure className="growth">
      <figcaption>
        <span>{formatBytes(path.topBytes)}</span>
        {at !== undefined && atMs !== undefined && (
          <span className="growth-read">
            {formatBytes(at.sizeBytes)} at {formatClock(atMs)}
          </span>
        )}
      </figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`The overlay grew from ${formatBytes(first.sizeBytes)} to ${formatBytes(points.at(-1)?.sizeBytes ?? 0)}`}
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        <path d={`${path.line}V${HEIGHT}H0Z`} fill="var(--boot)" opacity="0.16" />
        <path d={path.line} fill="none" stroke="var(--boot)" strokeWidth="1.5" vectorEffect="non-scaling-stroke" />
        {pointed !== undefined && (
          <path
            d={`M${pointed * WIDTH} 0V${HEIGHT}`}
            stroke="var(--text-3)"
            strokeWidth="1"
            vectorEffect="non-scaling-stroke"
          />
        )}
      </svg>
      <div className="growth-axis">
        <span>{formatClock(first.atMs)}</span>
        <span>{formatClock(endMs)}</span>
      </div>
    </figure>
  );
}
