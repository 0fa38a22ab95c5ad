import { SegmentedControl, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type ReactElement, useDeferredValue, useMemo } from "react";
import { Link, useParams } from "react-router";
import { formatCount, formatCountOf } from "../format/count.ts";
import { Empty } from "../parts/empty.tsx";
import { Loading } from "../parts/loading.tsx";
import { useAddressParams } from "../parts/use-address-params.ts";
import { JobActions } from "./job-actions.tsx";
import { JobCard } from "./job-card.tsx";
import { selectTasks, TASK_SHOWS } from "./job-words.ts";
import { TaskTable } from "./task-table.tsx";
import { useJobs, useTasks } from "./use-jobs.ts";
import "./jobs-page.css";

/** One job with all its machines. */
export function JobPage(): ReactElement {
  const { jobId = "" } = useParams();
  const { jobs, loaded } = useJobs();
  const { tasks, loaded: tasksLoaded } = useTasks(jobId);
  const { params, set } = useAddressParams();
  const text = params.get("q") ?? "";
  const show = TASK_SHOWS.find((each) => each === params.get("show")) ?? "all";
  const wanted = useDeferredValue(text);
  const shown = useMemo(() => selectTasks(tasks.values(), wanted, show), [tasks, wanted, show]);
  const job = jobs.get(jobId);

  if (!loaded || !tasksLoaded) return <Loading what="job" />;
  if (job === undefined) {
    return (
      <Empty title="There is no such job">
        <p>
          It may have been removed. <Link to="/jobs">All jobs</Link>
        </p>
      </Empty>
    );
  }
  return (
    <div className="page job-page">
      <JobCard job={job}>
        <JobActions job={job} />
      </JobCard>
      <header className="page-head">
        <div className="page-tools">
          <TextInput
            type="search"
            aria-label="Search machines of the job"
            placeholder="Machine, state, reason …"
            leftSection={<IconSearch size={14} />}
            value={text}
            onChange={(event) => set("q", event.currentTarget.value)}
          />
          <SegmentedControl
            aria-label="Show"
            value={show}
            onChange={(value) => set("show", value === "all" ? undefined : value)}
            data={[
              { value: "all", label: "All" },
              { value: "active", label: "Under way" },
              { value: "failed", label: "Failed" },
            ]}
          />
        </div>
        <output className="quiet">
          {shown.length === tasks.size
            ? formatCountOf(shown.length, "machine")
            : `${formatCount(shown.length)} of ${formatCountOf(tasks.size, "machine")}`}
        </output>
      </header>
      <TaskTable tasks={shown} />
    </div>
  );
}
