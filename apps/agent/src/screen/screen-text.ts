import type { TaskProgress, TaskState } from "@ingot/api";

/** What stands on the machine's own screen. */
export interface ScreenContent {
  /** How people know the machine. */
  readonly machine: string;
  readonly server: string;
  /** Addresses of this machine. */
  readonly addresses: readonly string[];
  /** What somebody has to type to let this machine in. */
  readonly code?: string | undefined;
  readonly task?:
    | {
        readonly title: string;
        readonly state: TaskState;
        readonly disk?: string | undefined;
        readonly progress: TaskProgress;
      }
    | undefined;
  /** The last thing that went wrong. */
  readonly error?: string | undefined;
  /** One line of what is being done or waited for. */
  readonly notice?: string | undefined;
}

/** The smallest console: what a firmware, a serial line and a remote console all have. */
const COLUMNS = 80;
const BAR_COLUMNS = 50;
const ERROR_LINES = 6;

/** The screen as lines of at most 80 plain ASCII characters, at most 24 of them: the last one stays free for the cursor. */
export function formatScreen(content: ScreenContent): readonly string[] {
  const { task } = content;
  const lines = ["INGOT".padEnd(COLUMNS - content.machine.length - 1) + content.machine, "=".repeat(COLUMNS), ""];
  lines.push(`Server    ${content.server}`);
  lines.push(`Address   ${content.addresses.join(", ") || "none yet"}`, "");
  if (content.code !== undefined) {
    lines.push("This machine waits to be let in. On the server, type:", "");
    lines.push(`    ingot machine approve ${content.code}`, "");
  }
  if (task !== undefined) {
    lines.push(`Task      ${task.title}`);
    if (task.disk !== undefined) lines.push(`Disk      ${task.disk}`);
    lines.push(`State     ${task.state}`, "", formatBar(task.progress), formatNumbers(task.progress), "");
  }
  if (content.error !== undefined) {
    const wrapped = wrap(`ERROR: ${content.error}`);
    lines.push(...wrapped.slice(0, ERROR_LINES));
    if (wrapped.length > ERROR_LINES) lines.push("... (the whole of it is in the job's log)");
    lines.push("");
  }
  if (content.notice !== undefined) lines.push(...wrap(content.notice).slice(0, 3));
  return lines.map((line) => plain(line).slice(0, COLUMNS).trimEnd()).slice(0, 24);
}

/** One line for a log or a serial line that is not a screen. */
export function formatLogLine(content: ScreenContent): string {
  const { task } = content;
  const parts = [content.machine];
  if (content.code !== undefined) parts.push(`waits to be let in: ingot machine approve ${content.code}`);
  if (task !== undefined)
    parts.push(`${task.title}: ${task.state} ${percentOf(task.progress)} %`, formatNumbers(task.progress));
  if (content.error !== undefined) parts.push(`ERROR: ${content.error.replaceAll(/\s+/g, " ")}`);
  if (content.notice !== undefined) parts.push(content.notice);
  return plain(parts.join(" | "));
}

/** `[#####.....]  50 %` */
function formatBar(progress: TaskProgress): string {
  const percent = percentOf(progress);
  const filled = Math.floor((percent / 100) * BAR_COLUMNS);
  return `[${"#".repeat(filled)}${".".repeat(BAR_COLUMNS - filled)}] ${String(percent).padStart(3)} %`;
}

/** Where it comes from and how fast; sources that gave nothing are left out. */
function formatNumbers(progress: TaskProgress): string {
  const { bytes } = progress;
  const sources = (["seed", "peers", "multicast", "local"] as const)
    .filter((source) => bytes[source] > 0)
    .map((source) => `${source} ${formatSize(bytes[source])}`);
  const left = progress.totalBytes - progress.doneBytes;
  const seconds = progress.bytesPerSecond > 0 ? Math.ceil(left / progress.bytesPerSecond) : undefined;
  const time = seconds === undefined || left <= 0 ? undefined : `${formatDuration(seconds)} left`;
  const all = [
    `${formatSize(progress.doneBytes)} of ${formatSize(progress.totalBytes)}`,
    `${formatSize(progress.bytesPerSecond)}/s`,
    time,
    ...sources,
  ];
  return all.filter((part) => part !== undefined).join(", ");
}

function percentOf({ doneBytes, totalBytes }: TaskProgress): number {
  // 100 only when it is: what is nearly done is not done.
  return totalBytes === 0 ? 0 : Math.min(doneBytes < totalBytes ? 99 : 100, Math.floor((doneBytes / totalBytes) * 100));
}

/** `1.5 GiB` */
export function formatSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ""}`;
}

function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function wrap(text: string): readonly string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > COLUMNS) {
        lines.push(line);
        line = word;
      } else {
        line = line === "" ? word : `${line} ${word}`;
      }
    }
    lines.push(line);
  }
  return lines;
}

/** Names come from disks and servers: no escape sequence of theirs reaches the terminal. */
function plain(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
