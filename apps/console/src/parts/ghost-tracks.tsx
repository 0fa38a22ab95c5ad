import type { ReactElement } from "react";
import { STATION_LABELS, STATIONS } from "../boot/boot-track.ts";
import "./ghost-tracks.css";

/** The boot timeline before there is a boot: what an empty board will show. */
export function GhostTracks(): ReactElement {
  return (
    <div className="ghost">
      <div className="ghost-row ghost-names">
        {STATIONS.map((station) => (
          <span key={station}>{STATION_LABELS[station]}</span>
        ))}
      </div>
      {[0, 1, 2].map((row) => (
        <div key={row} className="ghost-row">
          {STATIONS.map((station) => (
            <i key={station} />
          ))}
        </div>
      ))}
    </div>
  );
}
