import type { Job } from "@ingot/api";
import type { ReactElement, ReactNode } from "react";
import { Link } from "react-router";
import { formatBytes, formatRate } from "../format/bytes.ts";
import { formatCount, formatCountOf } from "../format/count.ts";
import { formatDuration, formatMoment } from "../format/duration.ts";
import { useNow } from "../live/live-context.tsx";
import {
  isOver,
  JOB_LABELS,
  JOB_TONES,
  machinesOf,
  remainingMs,
  shareDone,
  SOURCE_LABELS,
  SOURCES,
  titleOf,
} from "./job-words.ts";
import { SourcesBar, StatesBar } from "./share-bar.tsx";

/** One job at a glance: how far, how fast, from where, and what went wrong. */
export function JobCard({ job, children }: { readonly job: Job; readonly children?: ReactNode }): ReactElement {
  const { progress, counts } = job;
  const machines = machinesOf(job);
  const left = isOver(job) ? undefined : remainingMs(progress);
  return (
    <article className="job card" data-job={job.id} data-state={job.state}>
      <header className="job-head">
        <h2>
          <Link to={`/jobs/${job.id}`}>{titleOf(job)}</Link>
        </h2>
        <span className={`job-state tone-text-${JOB_TONES[job.state]}`}>{JOB_LABELS[job.state]}</span>
        <span className="quiet job-reason">{job.reason}</span>
        {children}
      </header>
      <StatesBar job={job} />
      <dl className="job-figures">
        <Figure name="Machines" value={`${formatCount(counts.done)} of ${formatCount(machines)}`}>
          {counts.failed === 0 ? "done" : <b className="tone-text-failed">{formatCount(counts.failed)} failed</b>}
        </Figure>
        <Figure name="In place" value={formatBytes(progress.doneBytes)}>
          {progress.totalBytes === 0
            ? "not known yet"
            : `${Math.floor(shareDone(progress) * 100)} % of ${formatBytes(progress.totalBytes)}`}
        </Figure>
        <Figure name="Rate" value={progress.bytesPerSecond === 0 ? "–" : formatRate(progress.bytesPerSecond)}>
          {left === undefined ? <Took job={job} /> : `${formatDuration(left)} to go`}
        </Figure>
        <Figure name="Verified" value={formatCount(progress.hashesVerified)}>
          {progress.errors === 0 ? "no wrong chunk" : formatCountOf(progress.errors, "error")}
          {progress.retries > 0 && `, ${formatCountOf(progress.retries, "request")} again`}
        </Figure>
        <div className="job-sources">
          <dt>Where it came from</dt>
          <dd>
            <SourcesBar progress={progress} />
            <span className="job-legend">
              {SOURCES.filter((source) => progress.bytes[source] > 0).map((source) => (
                <span key={source} className="faint">
                  <i className={`share-source-${source}`} aria-hidden="true" />
                  {formatBytes(progress.bytes[source])} {SOURCE_LABELS[source]}
                </span>
              ))}
            </span>
          </dd>
        </div>
      </dl>
    </article>
  );
}

function Figure(props: { readonly name: string; readonly value: string; readonly children: ReactNode }): ReactElement {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>
        <b>{props.value}</b>
        <span className="faint">{props.children}</span>
      </dd>
    </div>
  );
}

function Took({ job }: { readonly job: Job }): ReactElement {
  const now = useNow();
  if (job.startedAt === undefined) return <>created {formatMoment(Date.parse(job.createdAt))}</>;
  const end = job.finishedAt === undefined ? now : Date.parse(job.finishedAt);
  return (
    <>
      {job.finishedAt === undefined ? "for" : "took"} {formatDuration(end - Date.parse(job.startedAt))}
    </>
  );
}
