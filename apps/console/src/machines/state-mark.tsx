import type { MachineState } from "@ingot/api";
import { memo, type NamedExoticComponent, type ReactElement } from "react";
import { STATE_LABELS, STATE_TONES } from "./machine-words.ts";
import "./state-mark.css";

/** The dot of a state. Each state has a form of its own besides its colour. Decorative: a word stands beside it. */
export function StateDot({ state }: { readonly state: MachineState }): ReactElement {
  return (
    <svg
      className={`state-dot state-dot-${state} tone-${STATE_TONES[state]}`}
      width="12"
      height="12"
      viewBox="0 0 12 12"
      aria-hidden="true"
    >
      {SHAPES[state]}
    </svg>
  );
}

/** A state as dot and word. */
export const StateMark: NamedExoticComponent<{ readonly state: MachineState }> = memo(function StateMark({ state }) {
  return (
    <span className={`state-mark tone-text-${STATE_TONES[state]}`}>
      <StateDot state={state} />
      {STATE_LABELS[state]}
    </span>
  );
});

const SHAPES: Readonly<Record<MachineState, ReactElement>> = {
  up: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  running: (
    <>
      <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <circle cx="6" cy="6" r="2" fill="currentColor" />
    </>
  ),
  booting: (
    <>
      <circle cx="6" cy="6" r="4.25" fill="none" stroke="currentColor" strokeWidth="1.5" opacity="0.45" />
      <path
        d="M6 1.75A4.25 4.25 0 0 1 10.25 6"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.75"
        strokeLinecap="round"
      />
    </>
  ),
  failed: <path d="M6 0.75 11.25 6 6 11.25 0.75 6Z" fill="currentColor" />,
  new: <path d="M6 1.5V10.5M1.5 6H10.5" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />,
  off: <circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" strokeWidth="1.5" />,
};
