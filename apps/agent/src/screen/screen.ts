import { closeSync, openSync, writeSync } from "node:fs";
import { formatLogLine, formatScreen, type ScreenContent } from "./screen-text.ts";

/** Where people at the machine see what it does. */
export interface Screen {
  show(content: ScreenContent): void;
  close(): void;
}

/** Clears and writes from the top: what every terminal since the VT100 does. */
const CLEAR = "\u001B[H\u001B[2J";
/** A screen is painted no more often. */
const PAINT_MS = 500;
/** A log has a line of progress no more often; changes of state at once. */
const LOG_MS = 10_000;

/** Paints on a terminal: the process's own, or a device such as `/dev/tty1`. */
export function paintedScreen(device: string | undefined): Screen {
  const fd = device === undefined ? process.stdout.fd : openSync(device, "w");
  let last = "";
  let paintedAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let content: ScreenContent | undefined;
  const paint = (): void => {
    timer = undefined;
    if (content === undefined) return;
    const text = formatScreen(content).join("\r\n");
    if (text === last) return;
    last = text;
    paintedAt = performance.now();
    writeSync(fd, `${CLEAR}${text}\r\n`);
  };
  return {
    show(next) {
      content = next;
      timer ??= setTimeout(paint, Math.max(0, paintedAt + PAINT_MS - performance.now()));
    },
    close() {
      clearTimeout(timer);
      paint();
      if (device !== undefined) closeSync(fd);
    },
  };
}

/** Writes lines: for serial lines, logs and pipes. */
export function lineScreen(write: (line: string) => void): Screen {
  let lastChange = "";
  let writtenAt = Number.NEGATIVE_INFINITY;
  return {
    show(content) {
      const change = JSON.stringify([
        content.code,
        content.task?.title,
        content.task?.state,
        content.error,
        content.notice,
      ]);
      const now = performance.now();
      if (change === lastChange && (content.task === undefined || now - writtenAt < LOG_MS)) return;
      lastChange = change;
      writtenAt = now;
      write(formatLogLine(content));
    },
    close: () => undefined,
  };
}
