import type { Job } from "@ingot/api";
import { Button } from "@mantine/core";
import { type ReactElement, useState } from "react";
import { formatCountOf } from "../format/count.ts";
import { useLive } from "../live/live-context.tsx";
import { Confirm } from "../parts/confirm.tsx";
import { Failure } from "../parts/failure.tsx";
import type { JobAction } from "../request/api-client.ts";
import { useAction } from "../request/use-action.ts";
import { isOver, titleOf } from "./job-words.ts";

/** What can be done to a job now. */
export function JobActions({ job }: { readonly job: Job }): ReactElement {
  const { api } = useLive();
  const [asking, setAsking] = useState(false);
  const action = useAction(async (what: JobAction) => {
    await api.actOnJob(job.id, what);
    return true;
  });
  const hasUndone = job.counts.failed + job.counts.cancelled > 0;
  const under = job.counts.preparing + job.counts.filling + job.counts.finishing;

  function close(): void {
    setAsking(false);
    action.clear();
  }

  const button = (what: JobAction, label: string): ReactElement => (
    <Button variant="default" size="compact-sm" loading={action.running} onClick={() => void action.run(what)}>
      {label}
    </Button>
  );
  return (
    <div className="job-actions">
      {(job.state === "running" || job.state === "scheduled") && button("pause", "Pause")}
      {job.state === "paused" && button("resume", "Resume")}
      {isOver(job) && hasUndone && button("retry", "Retry what is not done")}
      {!isOver(job) && (
        <Button variant="default" size="compact-sm" onClick={() => setAsking(true)}>
          Cancel …
        </Button>
      )}
      <Button variant="default" size="compact-sm" component="a" href={`/api/v1/jobs/${job.id}/log.csv`} download>
        Log as CSV
      </Button>
      {action.failure !== undefined && !asking && <Failure failure={action.failure} />}
      <Confirm
        opened={asking}
        title={`Cancel “${titleOf(job)}”?`}
        action="Cancel the job"
        running={action.running}
        failure={action.failure}
        onConfirm={() => void action.run("cancel").then((done) => done === true && close())}
        onClose={close}
      >
        <p>
          {under === 0
            ? "No machine has begun."
            : `${formatCountOf(under, "machine")} stop where they are: their disks hold a part of the image and do not boot.`}{" "}
          What is verified stays, and a later job goes on from there.
        </p>
      </Confirm>
    </div>
  );
}
