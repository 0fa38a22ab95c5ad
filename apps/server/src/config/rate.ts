const UNITS: Readonly<Record<string, number>> = {
  kbit: 1e3 / 8,
  mbit: 1e6 / 8,
  gbit: 1e9 / 8,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** Reads `500mbit` or `60MB`, a second; answers bytes a second, undefined for what is no rate. */
export function parseRate(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([kmg]bit|[kmg]i?b)(?:\/s|ps)?$/i.exec(text.trim()) ?? [];
  const rate = Math.round(Number(amount) * (UNITS[unit?.toLowerCase() ?? ""] ?? Number.NaN));
  return rate >= 1000 ? rate : undefined;
}
