import type { ReactElement } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatClock, formatDuration } from "../format/duration.ts";
import { type BootTrack, STATION_EXPLANATIONS, STATION_LABELS, type Stop } from "./boot-track.ts";
import { timeTicks } from "./time-ticks.ts";
import "./boot-waterfall.css";

/**
 * The large boot timeline: every station in a line of its own on one time axis, with the moment it was reached, how long the
 * boot stayed there, and what exactly was seen.
 */
export function BootWaterfall({ track }: { readonly track: BootTrack }): ReactElement {
  const spanMs = Math.max(track.totalMs, 1);
  const ticks = timeTicks(spanMs);
  const endMs = Math.max(spanMs, ticks.at(-1) ?? 0);
  return (
    <figure className={`waterfall waterfall-${track.outcome}`}>
      <div className="waterfall-axis" aria-hidden="true">
        {ticks.map((tick) => (
          <span key={tick} style={{ left: `${(tick / endMs) * 100}%` }}>
            {tick === 0 ? "0" : formatDuration(tick)}
          </span>
        ))}
      </div>
      <ol className="waterfall-list">
        {track.stops.map((stop) => (
          <Line key={stop.station} stop={stop} track={track} endMs={endMs} ticks={ticks} />
        ))}
      </ol>
    </figure>
  );
}

interface LineProps {
  readonly stop: Stop;
  readonly track: BootTrack;
  readonly endMs: number;
  readonly ticks: readonly number[];
}

function Line({ stop, track, endMs, ticks }: LineProps): ReactElement {
  const { station, status, reachedAtMs, durationMs } = stop;
  const fromMs = (reachedAtMs ?? track.startedAtMs) - track.startedAtMs;
  const left = Math.min(100, Math.max(0, (fromMs / endMs) * 100));
  const width = Math.min(100 - left, ((durationMs ?? 0) / endMs) * 100);
  return (
    <li className={`waterfall-line waterfall-${status}`} data-station={station} data-status={status}>
      <span className="waterfall-name" title={STATION_EXPLANATIONS[station]}>
        {stop.stage === "tftp" || stop.stage === "http" ? stop.stage.toUpperCase() : STATION_LABELS[station]}
      </span>
      <span className="waterfall-lane">
        {ticks.map((tick) => (
          <i key={tick} style={{ left: `${(tick / endMs) * 100}%` }} />
        ))}
        {reachedAtMs !== undefined && (
          <b style={{ left: `${left}%`, width: `max(${width}%, ${durationMs === undefined ? "9px" : "3px"})` }} />
        )}
      </span>
      <span className="waterfall-time">{lineTime(stop)}</span>
      <span className="waterfall-detail">{lineDetail(stop, track)}</span>
    </li>
  );
}

function lineTime(stop: Stop): string {
  if (stop.status === "ahead") return "";
  if (stop.status === "skipped") return "not used";
  return stop.durationMs === undefined ? "reached" : formatDuration(stop.durationMs);
}

function lineDetail(stop: Stop, track: BootTrack): ReactElement | null {
  if (stop.reachedAtMs === undefined) return null;
  const facts = [
    stop.detail,
    stop.station === "read"
      ? `${formatBytes(track.bytesRead)} read${track.outcome === "booting" ? " so far" : ""}`
      : undefined,
  ];
  return (
    <>
      <span className="faint">{formatClock(stop.reachedAtMs)}</span>
      {facts
        .filter((fact) => fact !== undefined)
        .map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      {stop.status === "stalled" && (
        <span className="waterfall-warn">no progress for {formatDuration(stop.durationMs ?? 0)}</span>
      )}
      {stop.status === "failed" && <span className="waterfall-bad">{track.failure ?? "came no further"}</span>}
    </>
  );
}
