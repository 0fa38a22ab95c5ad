import { Loader } from "@mantine/core";
import type { ReactElement } from "react";
import { useSyncExternalStore } from "react";
import { useLive } from "../live/live-context.tsx";
import { Failure } from "./failure.tsx";

/** Stands in for a list that is under way, and says so when it cannot be had. */
export function Loading({ what }: { readonly what: string }): ReactElement {
  const { store } = useLive();
  const failure = useSyncExternalStore(store.subscribe, store.failure);
  if (failure !== undefined) {
    return (
      <div className="empty">
        <Failure failure={failure} onRetry={() => store.reload()} />
      </div>
    );
  }
  return (
    <output className="empty quiet">
      <Loader size="sm" type="dots" />
      Loading {what} …
    </output>
  );
}
