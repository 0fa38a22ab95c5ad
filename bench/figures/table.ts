/** Lines up rows under their headings, the first column to the left, the others to the right. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows];
  const widths = headings.map((_heading, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** What a ratio is held against: at least or at most so much. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** `1.31  ≥ 1.25  reached`, as three cells. */
export function ratioCells(ratio: number, goal: Goal | undefined): [string, string, string] {
  const text = ratio.toFixed(2);
  if (goal === undefined) return [text, "", ""];
  const isReached = "atLeast" in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
  const wanted = "atLeast" in goal ? `≥ ${goal.atLeast.toFixed(2)}` : `≤ ${goal.atMost.toFixed(2)}`;
  return [text, wanted, isReached ? "yes" : "NO"];
}
