/** How many times smaller `storedBytes` is than `wholeBytes`: "4.2×"; "–" where nothing is stored yet. */
export function savingOf(wholeBytes: number, storedBytes: number): string {
  if (storedBytes <= 0 || wholeBytes <= 0) return "–";
  const times = wholeBytes / storedBytes;
  return `${times >= 9.95 ? Math.round(times) : times.toFixed(1)}×`;
}
