import type { Task } from "@ingot/api";
import { memo, type NamedExoticComponent, type ReactElement, useRef } from "react";
import { Link } from "react-router";
import { formatBytes, formatRate } from "../format/bytes.ts";
import { formatDuration } from "../format/duration.ts";
import { useVirtualRows } from "../parts/use-virtual-rows.ts";
import { remainingMs, shareDone, TASK_LABELS, TASK_TONES } from "./job-words.ts";
import { SourcesBar } from "./share-bar.tsx";

const ROW_PX = 46;
const HEAD_PX = 34;

/** A job's machines as rows, of which only those on the screen exist. */
export function TaskTable({ tasks }: { readonly tasks: readonly Task[] }): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const { rows, totalPx } = useVirtualRows({ scroller, count: tasks.length, rowPx: ROW_PX, headPx: HEAD_PX });
  return (
    <div className="tasks virtual card" ref={scroller}>
      <table aria-label="Machines of the job" aria-rowcount={tasks.length + 1}>
        <thead>
          <tr className="task-row task-head" aria-rowindex={1}>
            <th scope="col">Machine</th>
            <th scope="col">State</th>
            <th scope="col">How far, and from where</th>
            <th scope="col">Rate</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody style={{ height: totalPx }}>
          {rows.map(({ index, topPx }) => {
            const task = tasks[index];
            return task === undefined ? null : <Row key={task.id} task={task} index={index} topPx={topPx} />;
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly task: Task;
  readonly index: number;
  readonly topPx: number;
}

const Row: NamedExoticComponent<RowProps> = memo(function Row({ task, index, topPx }) {
  const { progress, state } = task;
  const left = state === "filling" ? remainingMs(progress) : undefined;
  return (
    <tr
      className="task-row virtual-slot"
      aria-rowindex={index + 2}
      data-task={task.id}
      data-state={state}
      style={{ height: ROW_PX, transform: `translateY(${topPx}px)` }}
    >
      <td className="clip">
        <Link className="row-name" to={`/machines/${task.machine}`}>
          {task.machineName}
        </Link>
        {task.attempt > 1 && <span className="faint"> attempt {task.attempt}</span>}
      </td>
      <td className={`tone-text-${TASK_TONES[state]}`}>{TASK_LABELS[state]}</td>
      <td className="task-progress">
        <SourcesBar progress={progress} />
        <span className="faint">
          {progress.totalBytes === 0
            ? ""
            : `${Math.floor(shareDone(progress) * 100)} % of ${formatBytes(progress.totalBytes)}`}
        </span>
      </td>
      <td className="row-two">
        <span>{progress.bytesPerSecond === 0 ? "" : formatRate(progress.bytesPerSecond)}</span>
        {left !== undefined && <span className="faint clip">{formatDuration(left)} to go</span>}
      </td>
      <td
        className={state === "failed" ? "task-why tone-text-failed" : "task-why quiet"}
        title={task.error?.message ?? task.reason}
      >
        {task.error?.message ?? task.reason}
        {task.error?.sector !== undefined && <span className="faint"> (sector {task.error.sector})</span>}
      </td>
    </tr>
  );
});
