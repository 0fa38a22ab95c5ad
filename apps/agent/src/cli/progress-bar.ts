import type { TaskProgress } from "@ingot/api";
import { formatSize } from "../screen/screen-text.ts";

/** What people see while something runs, on standard error. */
export interface ProgressView {
  show(title: string, progress: Pick<TaskProgress, "doneBytes" | "totalBytes" | "bytesPerSecond">): void;
  /** Ends the line; may be called twice. */
  stop(): void;
}

const SILENT: ProgressView = { show: () => undefined, stop: () => undefined };

/** A bar on a terminal; silence elsewhere, so that logs stay readable. */
export async function progressBar(isQuiet: boolean): Promise<ProgressView> {
  if (isQuiet || !process.stderr.isTTY) return SILENT;
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar(
    {
      format: "{title} {bar} {percentage} %  {done} of {all}  {rate}/s",
      stream: process.stderr,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  let isStarted = false;
  return {
    show(title, { doneBytes, totalBytes, bytesPerSecond }) {
      const words = {
        title,
        done: formatSize(doneBytes),
        all: formatSize(totalBytes),
        rate: formatSize(bytesPerSecond),
      };
      if (!isStarted) bar.start(totalBytes, doneBytes, words);
      isStarted = true;
      bar.setTotal(totalBytes);
      bar.update(doneBytes, words);
    },
    stop() {
      if (isStarted) bar.stop();
      isStarted = false;
    },
  };
}
