import type { MachineState } from "@ingot/api";
import type { ReactElement } from "react";
import { formatCount, formatShare } from "../format/count.ts";
import { STATE_EXPLANATIONS, STATE_LABELS, STATE_ORDER, STATE_TONES } from "./machine-words.ts";
import { StateDot } from "./state-mark.tsx";
import "./machine-summary.css";

/** How the fleet stands: a bar in proportion, and a button per state that shows only its machines. */
export function MachineSummary(props: {
  readonly counts: Readonly<Record<MachineState, number>>;
  readonly chosen: ReadonlySet<MachineState>;
  readonly onToggle: (state: MachineState) => void;
}): ReactElement {
  const { counts, chosen, onToggle } = props;
  const total = STATE_ORDER.reduce((sum, state) => sum + counts[state], 0);
  return (
    <section className="summary" aria-label="Machines by state">
      <div className="summary-bar">
        {STATE_ORDER.filter((state) => counts[state] > 0).map((state) => (
          <button
            key={state}
            type="button"
            tabIndex={-1}
            aria-hidden="true"
            className={`summary-piece tone-${STATE_TONES[state]} summary-piece-${state}${chosen.size > 0 && !chosen.has(state) ? " summary-dim" : ""}`}
            style={{ flexGrow: counts[state] }}
            title={`${STATE_LABELS[state]}: ${formatCount(counts[state])} (${formatShare(counts[state], total)})`}
            onClick={() => onToggle(state)}
          />
        ))}
      </div>
      <div className="summary-states">
        <div className="summary-total">
          <b>{formatCount(total)}</b>
          <span>{total === 1 ? "machine" : "machines"}</span>
        </div>
        {STATE_ORDER.map((state) => (
          <button
            key={state}
            type="button"
            className={`summary-state${counts[state] === 0 ? " summary-zero" : ""}`}
            aria-pressed={chosen.has(state)}
            title={STATE_EXPLANATIONS[state]}
            onClick={() => onToggle(state)}
          >
            <StateDot state={state} />
            <b>{formatCount(counts[state])}</b>
            <span>{STATE_LABELS[state]}</span>
          </button>
        ))}
      </div>
    </section>
  );
}
