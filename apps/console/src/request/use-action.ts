import { useCallback, useState } from "react";
import { ApiFailure } from "./api-failure.ts";

/** One thing the operator can start, and how it goes. */
export interface Action<Input, Result> {
  /** Starts it. Resolves to `undefined` when it failed: `failure` then says why. */
  readonly run: (input: Input) => Promise<Result | undefined>;
  readonly running: boolean;
  readonly failure: ApiFailure | undefined;
  readonly result: Result | undefined;
  /** Forgets result and failure. */
  readonly clear: () => void;
}

interface Progress<Result> {
  readonly running: boolean;
  readonly failure?: ApiFailure;
  readonly result?: Result;
}

const IDLE = { running: false };

/** Runs `perform` and keeps its outcome for the page. What is thrown and is no {@link ApiFailure} is a fault of ours and goes through. */
export function useAction<Input, Result>(perform: (input: Input) => Promise<Result>): Action<Input, Result> {
  const [progress, setProgress] = useState<Progress<Result>>(IDLE);
  const run = async (input: Input): Promise<Result | undefined> => {
    setProgress({ running: true });
    try {
      const result = await perform(input);
      setProgress({ running: false, result });
      return result;
    } catch (error) {
      setProgress(error instanceof ApiFailure ? { running: false, failure: error } : IDLE);
      if (!(error instanceof ApiFailure)) throw error;
      return undefined;
    }
  };
  const clear = useCallback(() => setProgress(IDLE), []);
  return { run, running: progress.running, failure: progress.failure, result: progress.result, clear };
}
