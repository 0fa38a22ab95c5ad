import type { Job } from "@ingot/api";
import { type ReactElement, useMemo } from "react";
import { formatCountOf } from "../format/count.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { JobCard } from "./job-card.tsx";
import { isOver } from "./job-words.ts";
import { useJobs } from "./use-jobs.ts";
import "./jobs-page.css";

/** What is under way over many machines, and what was. */
export function JobsPage(): ReactElement {
  const { jobs, loaded } = useJobs();
  const sorted = useMemo(() => sortJobs(jobs.values()), [jobs]);
  if (!loaded) return <Loading what="jobs" />;
  if (sorted.length === 0) {
    return (
      <Empty
        title="No jobs yet"
        commands={[
          { what: "Clone an image onto the disks of a group", text: "ingot deploy debian13 --to room-3" },
          { what: "Take the disk of a machine into the library", text: "ingot capture pc-01 golden" },
        ]}
      >
        <p>A job does the same to many machines: it fills their disks, reads them, checks them or erases them.</p>
      </Empty>
    );
  }
  const running = sorted.filter((job) => !isOver(job)).length;
  return (
    <div className="page jobs-page">
      <header className="page-head">
        <p className="page-sum">
          <b>{formatCountOf(running, "job")}</b> under way
          <span className="faint"> · {formatCountOf(sorted.length - running, "job")} over</span>
        </p>
      </header>
      {sorted.map((job) => (
        <JobCard key={job.id} job={job} />
      ))}
    </div>
  );
}

/** What is under way first, then the newest. */
function sortJobs(jobs: Iterable<Job>): Job[] {
  return [...jobs].sort(
    (a, b) => Number(isOver(a)) - Number(isOver(b)) || Date.parse(b.createdAt) - Date.parse(a.createdAt),
  );
}
