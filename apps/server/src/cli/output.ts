import Table from "cli-table3";
import { styleText } from "node:util";

/** Where a command's result goes: text for people, or one JSON document for programs (`--json`). */
export interface Output {
  readonly json: boolean;
  /** The result: under `--json` the value, otherwise what `text` makes of it. */
  result(value: unknown, text: () => string): void;
  /** A remark for people on standard error; nothing under `--json`. */
  note(line: string): void;
}

/** Writes to this process's standard output and error. */
export function processOutput(json: boolean): Output {
  return {
    json,
    result(value, text) {
      process.stdout.write(json ? `${JSON.stringify(value, undefined, 2)}\n` : `${text()}\n`);
    },
    note(line) {
      if (!json) process.stderr.write(`${line}\n`);
    },
  };
}

/** A table without lines, in the manner of `ls -l`; an empty one says `empty`. */
export function formatTable(headers: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return empty;
  const none = {
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    "left-mid": "",
    mid: "",
    "mid-mid": "",
    right: "",
    "right-mid": "",
    middle: "  ",
  };
  const table = new Table({
    head: headers.map((text) => styleText("dim", text)),
    chars: none,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replaceAll(/ +$/gm, "");
}

/** Aligned `name  value` lines; entries without a value are left out. */
export function formatFacts(facts: readonly (readonly [string, string | undefined])[]): string {
  const present = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined);
  const width = Math.max(...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${styleText("dim", name.padEnd(width))}  ${value}`).join("\n");
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 GiB`; three significant digits at most. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** How long ago, in the largest unit that is not zero: `12 s ago`. */
export function formatAgo(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
