import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};

/** Bytes per second: `10M`, `100Mi`, `1.5G`; with `bit` at the end (`200Mbit`) bits. */
export function parseRate(text: string): number {
  const [, digits, unit, kind] = /^(\d+(?:\.\d+)?)\s*((?:[kmg]i?)?)(bit|b)?(?:\/s)?$/i.exec(text) ?? [];
  const factor = UNITS[unit?.toLowerCase() ?? "none"];
  const rate = Math.round((Number(digits) * (factor ?? Number.NaN)) / (kind?.toLowerCase() === "bit" ? 8 : 1));
  if (!(rate > 0)) throw new InvalidArgumentError("expected bytes per second, for example 50M, 100Mi or 200Mbit");
  return rate;
}

/** A whole number from `least` to `most`. */
export function countFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!Number.isInteger(count) || count < least || count > most)
      throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`);
    return count;
  };
}

/** An option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
