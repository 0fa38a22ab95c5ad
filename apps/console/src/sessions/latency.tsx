import type { SessionFlow } from "@ingot/api";
import type { ReactElement } from "react";
import { formatMicros } from "../format/latency.ts";
import { latencyRange } from "./latency-range.ts";
import "./latency.css";

/** How long commands take: a bar from the median to the 99th of 100 on a scale of powers of ten, and both in words. */
export function Latency({ what, flow }: { readonly what: "read" | "write"; readonly flow: SessionFlow }): ReactElement {
  const { p50Us, p99Us } = flow;
  if (p50Us === undefined || p99Us === undefined) {
    return (
      <span className="latency faint">
        <span>{what}</span>
        <span className="latency-scale" aria-hidden="true" />
        <span>–</span>
      </span>
    );
  }
  const { start, width, tone } = latencyRange(p50Us, p99Us);
  return (
    <span
      className="latency"
      title={`Half of the ${what}s within ${formatMicros(p50Us)}, 99 of 100 within ${formatMicros(p99Us)}. The scale goes from 10 µs to 10 s.`}
    >
      <span className="faint">{what}</span>
      <span className="latency-scale" aria-hidden="true">
        <i className={`latency-${tone}`} style={{ left: `${start * 100}%`, width: `${width * 100}%` }} />
      </span>
      <span className="clip">
        {formatMicros(p50Us)}{" "}
        <span className={tone === "info" ? "faint" : `tone-text-${tone}`}>{formatMicros(p99Us)}</span>
      </span>
    </span>
  );
}
