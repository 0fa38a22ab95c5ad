import type { Machine } from "@ingot/api";
import { memo, type NamedExoticComponent, type ReactElement } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatDuration } from "../format/duration.ts";
import { useNow } from "../live/live-context.tsx";
import { type BootTrack, bootTrack, currentStop, describeTrack, STATIONS, type Stop } from "./boot-track.ts";
import "./boot-track-bar.css";

interface BarProps {
  readonly machine: Machine;
}

/**
 * The compact boot timeline: one piece of track per station, at the same place for every machine, so that a look down the
 * board shows where the fleet stands. Time stands under each piece; what the boot does or why it failed stands under the rest.
 */
export function BootTrackBar({ machine }: BarProps): ReactElement {
  return machine.state === "booting" ? <MovingBar machine={machine} /> : <RestingBar machine={machine} />;
}

/** Only boots that are under way take part in the clock's ticks. */
function MovingBar({ machine }: BarProps): ReactElement {
  const nowMs = useNow();
  return <Bar track={bootTrack(machine, nowMs)} />;
}

const RestingBar: NamedExoticComponent<BarProps> = memo(function RestingBar({ machine }) {
  return <Bar track={bootTrack(machine, 0)} />;
});

function Bar({ track }: { readonly track: BootTrack | undefined }): ReactElement {
  if (track === undefined) {
    return (
      <div className="track track-none">
        <div className="track-rail" />
        <span className="track-say faint">Never booted from here</span>
      </div>
    );
  }
  const current = currentStop(track);
  const currentIndex = current === undefined ? -1 : STATIONS.indexOf(current.station);
  const says = sayCurrent(track, current);
  return (
    <div className={`track track-${track.outcome}`} data-boot={track.bootId}>
      <span className="visually-hidden">{describeTrack(track, formatDuration)}</span>
      {track.stops.map((stop) => (
        <span
          key={stop.station}
          aria-hidden="true"
          className={`track-piece track-${stop.status}`}
          data-station={stop.station}
          data-status={stop.status}
        >
          <span className="track-fill" style={{ transform: `scaleX(${stop.fill.toFixed(3)})` }} />
        </span>
      ))}
      {track.stops.map((stop, index) =>
        says !== undefined && index >= currentIndex ? null : (
          <span key={stop.station} aria-hidden="true" className="track-time" style={{ gridColumn: index + 1 }}>
            {timeOf(stop, track)}
          </span>
        ),
      )}
      {says !== undefined && (
        <span
          aria-hidden="true"
          className={`track-say track-say-${current?.status ?? "active"}`}
          style={{ gridColumn: `${currentIndex + 1} / -1` }}
          title={says}
        >
          {says}
        </span>
      )}
    </div>
  );
}

function timeOf(stop: Stop, track: BootTrack): string {
  if (stop.status === "skipped") return "–";
  if (stop.station === "up" && stop.status === "passed") return formatDuration(track.totalMs);
  return stop.durationMs === undefined ? "" : formatDuration(stop.durationMs);
}

/** What stands under the current piece and all that lies ahead of it; nothing for a boot that came through. */
function sayCurrent(track: BootTrack, current: Stop | undefined): string | undefined {
  if (current === undefined) return "Power-on";
  if (track.outcome === "failed") return track.failure ?? "Failed";
  if (track.outcome !== "booting") return undefined;
  const time = formatDuration(current.durationMs ?? 0);
  if (current.status === "stalled") return `${time} · no progress`;
  if (current.station === "read" || current.station === "os") return `${time} · ${formatBytes(track.bytesRead)} read`;
  return time;
}
