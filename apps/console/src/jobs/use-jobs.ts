import { useEffect } from "react";
import type { Fleet } from "../live/fleet.ts";
import { useFleet, useLive } from "../live/live-context.tsx";

/** All jobs by id; the first page that needs them has them loaded. */
export function useJobs(): { readonly jobs: Fleet["jobs"]; readonly loaded: boolean } {
  const { store } = useLive();
  const jobs = useFleet((fleet) => fleet.jobs);
  const listsLoaded = useFleet((fleet) => fleet.loaded);
  const loaded = useFleet((fleet) => fleet.jobsLoaded);
  useEffect(() => {
    if (listsLoaded) store.wantJobs();
  }, [store, listsLoaded]);
  return { jobs, loaded: loaded && listsLoaded };
}

/** The tasks of one job by id, loaded while somebody looks at them. */
export function useTasks(jobId: string): { readonly tasks: Fleet["tasks"]; readonly loaded: boolean } {
  const { store } = useLive();
  const tasks = useFleet((fleet) => fleet.tasks);
  const tasksOf = useFleet((fleet) => fleet.tasksOf);
  const listsLoaded = useFleet((fleet) => fleet.loaded);
  useEffect(() => {
    if (listsLoaded) store.wantTasks(jobId);
  }, [store, listsLoaded, jobId]);
  return { tasks, loaded: listsLoaded && tasksOf === jobId };
}
