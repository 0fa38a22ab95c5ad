import type { Job, TaskProgress } from "@ingot/api";
import type { ReactElement } from "react";
import { formatBytes } from "../format/bytes.ts";
import { formatCountOf } from "../format/count.ts";
import { machinesOf, shareDone, SOURCE_LABELS, SOURCES, TASK_LABELS, TASK_ORDER, TASK_TONES } from "./job-words.ts";

interface Part {
  readonly key: string;
  readonly className: string;
  readonly share: number;
  readonly title: string;
}

/** One bar made of parts that add up to at most 1. */
function Bar({ label, parts }: { readonly label: string; readonly parts: readonly Part[] }): ReactElement {
  return (
    <span className="share-bar" title={label}>
      <span className="visually-hidden">{label}</span>
      {parts.map(({ key, className, share, title }) => (
        <i key={key} className={className} style={{ width: `${share * 100}%` }} title={title} aria-hidden="true" />
      ))}
    </span>
  );
}

/** In which states a job's machines are. */
export function StatesBar({ job }: { readonly job: Job }): ReactElement {
  const machines = Math.max(1, machinesOf(job));
  const states = TASK_ORDER.filter((state) => job.counts[state] > 0);
  const parts = states.map((state) => ({
    key: state,
    className: `share-${TASK_TONES[state]} share-state-${state}`,
    share: job.counts[state] / machines,
    title: `${TASK_LABELS[state]}: ${formatCountOf(job.counts[state], "machine")}`,
  }));
  return <Bar label={parts.map(({ title }) => title).join(", ")} parts={parts} />;
}

/** How far it is, and where the bytes came from. */
export function SourcesBar({ progress }: { readonly progress: TaskProgress }): ReactElement {
  const moved = SOURCES.reduce((sum, source) => sum + progress.bytes[source], 0);
  const done = shareDone(progress);
  const parts = SOURCES.filter((source) => progress.bytes[source] > 0).map((source) => ({
    key: source,
    className: `share-source-${source}`,
    // Compressed bytes travel, plain bytes are done: the parts show the mix of what is done.
    share: (progress.bytes[source] / moved) * done,
    title: `${formatBytes(progress.bytes[source])} ${SOURCE_LABELS[source]}`,
  }));
  const label = `${Math.floor(done * 100)} % done${parts.length === 0 ? "" : `: ${parts.map(({ title }) => title).join(", ")}`}`;
  return <Bar label={label} parts={parts} />;
}
