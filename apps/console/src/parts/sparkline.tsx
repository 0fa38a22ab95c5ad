import type { ReactElement } from "react";
import { sparklinePath } from "./sparkline-path.ts";

/** A line of the last moments' traffic. Decorative: the number beside it says the same in words. */
export function Sparkline(props: {
  readonly values: readonly number[];
  readonly width: number;
  readonly height: number;
  readonly color?: string;
}): ReactElement {
  const { values, width, height, color = "var(--info)" } = props;
  const path = sparklinePath(values, width, height);
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
      {path === "" ? (
        <path d={`M0 ${height - 1}H${width}`} stroke="var(--line-strong)" strokeWidth="1" fill="none" />
      ) : (
        <>
          <path d={`${path}L${width} ${height}L0 ${height}Z`} fill={color} opacity="0.14" />
          <path d={path} stroke={color} strokeWidth="1.25" fill="none" strokeLinejoin="round" />
        </>
      )}
    </svg>
  );
}
