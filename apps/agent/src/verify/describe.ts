import type { Area, Damage, Judgement } from "./judge.ts";

/** Names of files that one sentence tells; the rest are counted. */
const MAX_NAMES = 5;
const SECTOR_BYTES = 512;

/** `3 places (12.5 KiB) are damaged, the first in sector 4096: partition 2 (/usr/bin/ls)` */
export function describeDamage(damaged: readonly Damage[], names: ReadonlyMap<Damage, string>): string {
  const bytes = damaged.reduce((sum, { length }) => sum + length, 0);
  const unreadable = damaged.filter((damage) => damage.unreadable).length;
  const areas = [...Map.groupBy(damaged, ({ area }) => area)].map(([area, own]) => {
    const files = [...new Set(own.flatMap((damage) => names.get(damage) ?? []))];
    const more = files.length > MAX_NAMES ? ` and ${files.length - MAX_NAMES} more files` : "";
    return `${nameOf(area)}${files.length === 0 ? "" : ` (${files.slice(0, MAX_NAMES).join(", ")}${more})`}`;
  });
  const count = damaged.length === 1 ? "1 place" : `${damaged.length} places`;
  const verb = damaged.length === 1 ? "is" : "are";
  const sector = Math.floor((damaged[0]?.offset ?? 0) / SECTOR_BYTES);
  const lost = unreadable === 0 ? "" : `, ${unreadable} of them unreadable`;
  return `${count} (${sizeText(bytes)}) ${verb} damaged${lost}, the first in sector ${sector}: ${areas.join(", ")}`;
}

/** What stands beside the damage: changes and doubts, a sentence part each. */
export function describeRest({ changed, doubts }: Pick<Judgement, "changed" | "doubts">): string[] {
  return [
    ...changed.map(({ area, bytes }) => `${sizeText(bytes)} of ${nameOf(area)} were written since`),
    ...doubts.map(({ area, bytes, reason }) => `${sizeText(bytes)} of ${nameOf(area)} cannot be judged (${reason})`),
  ];
}

/** The first sector, of 512 bytes, that is damaged or in doubt. */
export function firstSector({ damaged, doubts }: Judgement): number | undefined {
  const offsets = [...damaged, ...doubts].map(({ offset }) => offset);
  return offsets.length === 0 ? undefined : Math.floor(Math.min(...offsets) / SECTOR_BYTES);
}

function nameOf(area: Area): string {
  return typeof area === "number" ? `partition ${area}` : area;
}

function sizeText(bytes: number): string {
  if (bytes < 2 ** 20) return `${Number((bytes / 1024).toFixed(1))} KiB`;
  return `${Number((bytes / 2 ** 20).toFixed(1))} MiB`;
}
