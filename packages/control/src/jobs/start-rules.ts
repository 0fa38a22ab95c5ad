import type { CreateJob } from "@ingot/api";

/** What a job does with machines that do not run the agent's system. */
export interface StartRules {
  /** Its tasks can be done while the machine's own system runs: it only reads. */
  readonly runsInstalled: boolean;
  /** An own system that runs is restarted into the agent's. */
  readonly restarts: boolean;
  /** Machines of which nothing is heard are switched on. */
  readonly wakes: boolean;
}

/**
 * The rules of a job. Whoever has a disk overwritten has its system ended anyway, so that restarts unless the operator says otherwise;
 * reading is done beside the running system unless the operator asks for the restart.
 */
export function startRulesOf(spec: CreateJob): StartRules {
  const writes = spec.kind === "deploy" || spec.kind === "wipe" || (spec.kind === "verify" && spec.repair === true);
  const restarts = spec.restart ?? (spec.kind === "deploy" || spec.kind === "wipe");
  return { runsInstalled: !writes && !restarts, restarts, wakes: spec.wake ?? true };
}
