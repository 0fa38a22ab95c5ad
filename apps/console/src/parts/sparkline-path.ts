/**
 * The path of a little line over `values`, oldest first, in a box of `width` by `height`; the highest value touches the top.
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
