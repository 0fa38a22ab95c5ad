/** A moment and a size. */
export interface GrowthPoint {
  readonly atMs: number;
  readonly sizeBytes: number;
}

/** The line of a growth curve in a box, as points in its own units, left to right. */
export interface GrowthPath {
  readonly line: string;
  readonly topBytes: number;
}

/**
 * A step curve: a size holds until the next one was seen. The last size holds until `endMs`.
 * The scale's top is the largest size, at least one byte. Fewer than one point gives no path.
 */
export function growthPath(
  points: readonly GrowthPoint[],
  endMs: number,
  width: number,
  height: number,
): GrowthPath | undefined {
  const first = points[0];
  if (first === undefined) return undefined;
  const topBytes = Math.max(1, ...points.map((point) => point.sizeBytes));
  const spanMs = Math.max(1, Math.max(endMs, points.at(-1)?.atMs ?? endMs) - first.atMs);
  const x = (atMs: number): string => (((atMs - first.atMs) / spanMs) * width).toFixed(1);
  const y = (sizeBytes: number): string => (height - (sizeBytes / topBytes) * height).toFixed(1);
  let line = `M0 ${y(first.sizeBytes)}`;
  for (const point of points.slice(1)) line += `H${x(point.atMs)}V${y(point.sizeBytes)}`;
  return { line: `${line}H${width}`, topBytes };
}
