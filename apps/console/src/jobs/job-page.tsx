import { type ReactElement, useDeferredValue, useMemo } from "react";
import { Link, useParams } from "react-router";
import { Empty } from "../parts/empty.tsx";
import { ListTools } from "../parts/list-tools.tsx";
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
  const address = useAddressParams();
  const { params } = address;
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
      <ListTools
        what="machine"
        searchLabel="Search machines of the job"
        placeholder="Machine, state, reason …"
        params={address}
        show={show}
        shows={[
          { value: "all", label: "All" },
          { value: "active", label: "Under way" },
          { value: "failed", label: "Failed" },
        ]}
        shown={shown.length}
        total={tasks.size}
      />
      <TaskTable tasks={shown} />
    </div>
  );
}
