import type { ReactElement } from "react";

/**
 * The path of a little area chart over `values`, oldest first, in a box of `width` by `height`; the highest value touches the top.
 * Returns an empty string when there is nothing above zero to draw.
 */
export function sparklinePath(values: readonly number[], width: number, height: number): string {
  const top = Math.max(0, ...values);
  if (values.length < 2 || top === 0) return "";
  const step = width / (values.length - 1);
  const points = values.map((value, index) => {
    const x = (index * step).toFixed(1);
    const y = (height - 1 - (Math.max(0, value) / top) * (height - 2)).toFixed(1);
    return `${x} ${y}`;
  });
  return `M${points.join("L")}`;
}

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
