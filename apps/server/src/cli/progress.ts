import { Presets, SingleBar } from "cli-progress";
import { formatBytes } from "./output.ts";

/** A bar over bytes, on standard error. */
export interface ByteProgress {
  update(doneBytes: number): void;
  /** Ends the line; may be called twice. */
  stop(): void;
}

/** A bar on a terminal; silence elsewhere, so that logs stay readable. */
export function byteProgress(title: string, totalBytes: number, quiet: boolean): ByteProgress {
  if (quiet || !process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar(
    {
      format: `${title} {bar} {percentage} %  {done} of {all}  {rate}  {duration_formatted}, {eta_formatted} left`,
      stream: process.stderr,
      hideCursor: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  const startedAt = performance.now();
  const all = formatBytes(totalBytes);
  bar.start(totalBytes, 0, { done: formatBytes(0), all, rate: "" });
  return {
    update(doneBytes) {
      const seconds = (performance.now() - startedAt) / 1000;
      const rate = seconds > 0.5 ? `${formatBytes(doneBytes / seconds)}/s` : "";
      bar.update(doneBytes, { done: formatBytes(doneBytes), all, rate });
    },
    stop: () => bar.stop(),
  };
}
